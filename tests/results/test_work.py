from threading import Event
from types import SimpleNamespace

import pytest

from results import work

FRAMES = [SimpleNamespace(name=name) for name in "abc"]
STORE = SimpleNamespace(forget=lambda name: None)


def test_a_frame_is_written_while_the_next_is_segmented(monkeypatch):
    begun = {frame.name: Event() for frame in FRAMES}
    after = {"a": "b", "b": "c", "c": "c"}

    def segment(source, segmenter, store):
        begun[source.name].set()
        return lambda: begun[after[source.name]].wait(20)

    monkeypatch.setattr(work, "segment", segment)
    rows = [(source.name, row.result()) for source, row in work.overlapped(FRAMES, None, STORE)]
    assert rows == [("a", True), ("b", True), ("c", True)]


def test_no_more_than_two_frames_are_held(monkeypatch):
    held, most = set(), []

    def segment(source, segmenter, store):
        held.add(source.name)
        most.append(len(held))
        return lambda: held.remove(source.name)

    monkeypatch.setattr(work, "segment", segment)
    for _, row in work.overlapped(FRAMES * 3, None, STORE):
        row.result()
    assert max(most) <= 2 and not held


@pytest.mark.parametrize("when", ["segmented", "written"])
def test_what_ails_a_frame_is_kept_for_its_turn(monkeypatch, when):
    def fail():
        raise ValueError("damaged")

    def segment(source, segmenter, store):
        if source.name == "b" and when == "segmented":
            fail()
        return fail if source.name == "b" else lambda: "row"

    monkeypatch.setattr(work, "segment", segment)
    found = {source.name: row for source, row in work.overlapped(FRAMES, None, STORE)}
    assert found["a"].result() == found["c"].result() == "row"
    with pytest.raises(ValueError, match="damaged"):
        found["b"].result()


def test_nothing_is_segmented_after_a_failure_that_ends_the_run(monkeypatch):
    begun = []

    def segment(source, segmenter, store):
        begun.append(source.name)
        if source.name == "b":
            raise OSError("No space left on device")
        return lambda: "row"

    monkeypatch.setattr(work, "segment", segment)
    with pytest.raises(OSError, match="No space"):
        for _, row in work.overlapped(FRAMES, None, STORE):
            row.result()
    assert begun == ["a", "b"]
