"""What sources say of projects: what changed, their records, what these lack, what is doubted."""
