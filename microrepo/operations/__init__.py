"""Operations of microrepo: each composes the stages and returns a report."""
