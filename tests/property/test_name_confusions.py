"""Confusable names, against a slow definition of one edit."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from microrepo.selection.trust.confusable_names import Likeness, NameIndex, confusable_with
from microrepo.selection.trust.well_known_names import well_known_names

CHARACTERS = string.ascii_lowercase + string.digits + "-"
LEAST_EDITED = 5


def edits(name: str) -> set[str]:
    """Return all texts that one edit makes of a name."""
    cuts = [(name[:at], name[at:]) for at in range(len(name) + 1)]
    deleted = {left + right[1:] for left, right in cuts if right}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    replaced = {left + one + right[1:] for left, right in cuts if right for one in CHARACTERS}
    inserted = {left + one + right for left, right in cuts for one in CHARACTERS}
    return (deleted | swapped | replaced | inserted) - {name}


def is_number(name: str, known: str) -> bool:
    """Return whether only a digit of the last word differs."""
    differing = [at for at, (one, two) in enumerate(zip(name, known, strict=False)) if one != two]
    return (
        len(name) == len(known)
        and len(differing) == 1
        and name[differing[0]].isdigit()
        and known[differing[0]].isdigit()
        and "-" in name[: differing[0]]
        and "-" not in name[differing[0] :]
    )


@given(st.sampled_from(sorted(n for n in well_known_names() if len(n) > LEAST_EDITED)), st.data())
def test_every_edit_of_a_well_known_name_is_found(known: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(edits(known))))
    found = confusable_with(name)
    assert (found is None) == (name in well_known_names() or is_number(name, known))


short = st.text("ab1-", min_size=3, max_size=8)


@given(st.sets(short, max_size=8), short)
def test_what_is_found_is_one_edit_away(names: set[str], name: str) -> None:
    found = NameIndex(names).find(name)
    near = {
        known
        for known in names
        if known in edits(name)
        and min(len(known), len(name)) >= LEAST_EDITED
        and not is_number(name, known)
    }
    if found is None:
        assert name in names or not near
    elif found.likeness is Likeness.EDIT:
        assert found.name in edits(name) & names
    else:
        assert found.name in names
