"""Who is trained on, validated on and tested on, from tables of a few literal rows."""

import pandas as pd
import pytest

from preprocess.split import SplitError, assign_roles


def table(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Rows of split, name, label and sequence; a name as a_0000 is a page of the stack a."""
    frames = pd.DataFrame(rows, columns=["split", "name", "label", "sequence"])
    return frames.assign(image=[f"{name.split('_')[0]}.tif" for name in frames["name"]])


def training(*names: str, sequences: tuple[str, ...] = ()) -> pd.DataFrame:
    sequences = sequences or ("",) * len(names)
    return table(*(("train", n, "x.tif", s) for n, s in zip(names, sequences, strict=True)))


SIX = training("a", "b", "c", "d", "e", "f")
VALIDATED = pd.concat(
    [SIX, table(("validation", "v", "v.tif", ""), ("validation", "w", "", ""))], ignore_index=True
)


def named(frames: pd.DataFrame, role: str) -> list[str]:
    return list(frames["name"][frames["role"] == role])


def test_the_table_is_copied() -> None:
    roles = assign_roles(VALIDATED, "all", seed=0)
    assert "role" not in VALIDATED
    pd.testing.assert_frame_equal(roles.drop(columns="role"), VALIDATED)


def test_labelled_validation_frames_validate_and_test_frames_test() -> None:
    frames = table(
        ("train", "a", "a.tif", ""),
        ("train", "b", "", ""),
        ("validation", "c", "c.tif", ""),
        ("validation", "d", "", ""),
        ("test", "e", "e.tif", ""),
        ("test", "f", "", ""),
    )
    roles = list(assign_roles(frames, "all", seed=0)["role"])
    assert roles == ["train", "unused", "validation", "unused", "test", "test"]


def test_all_train_where_there_is_a_validation_split() -> None:
    roles = assign_roles(VALIDATED, "all", seed=0)
    assert named(roles, "train") == ["a", "b", "c", "d", "e", "f"]
    assert named(roles, "validation") == ["v"]


def test_a_count_draws_by_seed_in_the_order_of_the_table() -> None:
    drawn = [named(assign_roles(VALIDATED, "3", seed), "train") for seed in range(20)]
    assert all(names == sorted(names) and len(names) == 3 for names in drawn)
    assert len({tuple(names) for names in drawn}) > 5
    assert drawn[7] == named(assign_roles(VALIDATED, " 3 ", 7), "train")
    assert len(named(assign_roles(VALIDATED, "3", 7), "unused")) == 4


def test_the_frames_of_a_larger_count_contain_those_of_a_smaller_one() -> None:
    few, many = (set(named(assign_roles(VALIDATED, n, 5), "train")) for n in ("2", "4"))
    assert few < many


def test_names_choose_frames_in_the_order_of_the_table() -> None:
    roles = assign_roles(VALIDATED, "e, a,b", seed=0)
    assert named(roles, "train") == ["a", "b", "e"]
    assert named(roles, "unused") == ["c", "d", "f", "w"]


def test_a_single_name_that_is_a_number_ends_in_a_comma() -> None:
    frames = training("001", "002", "003")
    assert len(named(assign_roles(frames, "2", seed=0), "train")) == 2
    assert named(assign_roles(frames, "002,", seed=0), "train") == ["002"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("a,x,y", "train_frames: x, y asked for; expected all, a count, or names"),
        ("v", "train_frames: v asked for"),  # validates, and cannot be trained on
        ("", "train_frames: nothing asked for"),
        (",", "train_frames: nothing asked for"),
        ("-1", "train_frames: -1 asked for"),
        ("All", "train_frames: All asked for"),
        ("0", "train_frames: 0 frames asked for; expected 1 to 6"),
        ("7", "train_frames: 7 frames asked for; expected 1 to 6"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(asked: str, message: str) -> None:
    with pytest.raises(SplitError, match=message) as caught:
        assign_roles(VALIDATED, asked, seed=0)
    assert str(caught.value).endswith("a, b, c, d, e, f")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_of_up_to_three_frames_none_is_held_out(count: int) -> None:
    roles = assign_roles(SIX, str(count), seed=0)
    assert len(named(roles, "train")) == count
    assert named(roles, "validation") == []


@pytest.mark.parametrize(("asked", "count"), [("4", 4), ("all", 6), ("a,b,c,d", 4)])
def test_of_four_and_more_one_is_held_out(asked: str, count: int) -> None:
    roles = assign_roles(SIX, asked, seed=0)
    assert len(named(roles, "validation")) == 1
    assert len(named(roles, "train")) == count - 1


def test_the_frame_held_out_is_drawn_by_seed() -> None:
    held = [named(assign_roles(SIX, "all", seed), "validation")[0] for seed in range(30)]
    assert set(held) == {"a", "b", "c", "d", "e", "f"}
    assert held[3] == named(assign_roles(SIX, "all", 3), "validation")[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_whole_sequence_is_held_out(seed: int) -> None:
    frames = training("a", "b", "c", "d", "e", sequences=("s", "s", "s", "t", "t"))
    roles = assign_roles(frames, "all", seed)
    assert named(roles, "validation") == ["d", "e"]


def test_among_equal_sequences_the_one_held_out_is_drawn() -> None:
    frames = training("a", "b", "c", "d", sequences=("s", "s", "t", "t"))
    held = {tuple(named(assign_roles(frames, "all", seed), "validation")) for seed in range(20)}
    assert held == {("a", "b"), ("c", "d")}


def test_one_sequence_alone_gives_one_frame() -> None:
    frames = training("a", "b", "c", "d", sequences=("s",) * 4)
    assert len(named(assign_roles(frames, "all", seed=0), "validation")) == 1


def test_pages_of_a_stack_stay_together() -> None:
    frames = training("m_0000", "m_0001", "m_0002", "n_0000", "n_0001")
    assert named(assign_roles(frames, "all", seed=0), "validation") == ["n_0000", "n_0001"]


def test_without_labels_nothing_is_trained_on() -> None:
    frames = table(("train", "a", "", ""), ("test", "b", "", ""))
    assert list(assign_roles(frames, "all", seed=0)["role"]) == ["unused", "test"]
    with pytest.raises(SplitError, match="split train: none"):
        assign_roles(frames, "1", seed=0)
