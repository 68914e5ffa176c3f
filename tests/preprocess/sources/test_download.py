"""Downloads from a server on this machine that answers rightly, wrongly, half or not at all."""

import hashlib
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from preprocess.check import check_data, list_frames
from preprocess.sources import download as downloads
from preprocess.sources.download import DownloadError, download, main, read_table, remote_files
from preprocess.tiff import read_image, read_label, read_pixel_size, write_tiff

FOLDER = "owner/name/c0ffee/Mask R-CNN"


def frame_and_outlines(seed: int) -> tuple[bytes, bytes]:
    """A frame of 8 x 9 px as TIFF, and its two cells as PNG of 16 bits."""
    frame = np.random.default_rng(seed).integers(0, 60_000, (8, 9)).astype(np.uint16)
    label = np.zeros((8, 9), np.uint16)
    label[1:4, 1:4], label[5:, 5:] = 1, 300
    tiff, png = io.BytesIO(), io.BytesIO()
    tifffile.imwrite(tiff, frame)
    Image.fromarray(label).save(png, format="PNG")
    return tiff.getvalue(), png.getvalue()


class Server:
    """What lies on the server, what was asked for, and how it misbehaves.

    Parameters
    ----------
    address : str
    files : dict of str to bytes
    asked : list of str
    faults : dict of str to str
        missing, cut or wrong, by path.
    """

    def __init__(self) -> None:
        self.address = ""
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.faults: dict[str, str] = {}

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = unquote(handler.path).removeprefix("/")
        self.asked.append(path)
        fault = self.faults.get(path)
        if fault == "missing" or path not in self.files:
            handler.send_error(404)
            return
        content = self.files[path]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if fault == "cut":
            handler.wfile.write(content[:50])
        else:
            handler.wfile.write(b"\0" * len(content) if fault == "wrong" else content)


@pytest.fixture
def server() -> Iterator[Server]:
    known = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.answer(self)

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests free of requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        known.address = f"http://127.0.0.1:{listening.server_port}"
        yield known
        listening.shutdown()


@pytest.fixture
def table(server: Server) -> dict:
    """Three frames, the second of them a test frame, all on the server."""
    files = {}
    for number in (1, 2, 11):
        contents = frame_and_outlines(number)
        for kind, content in zip(("raw.tif", "instances_ids.png"), contents, strict=True):
            path = f"train/set{number}/{kind}"
            server.files[f"{FOLDER}/{path}"] = content
            digest = hashlib.sha256(content).hexdigest()
            files[path] = {"sha256": digest, "bytes": len(content)}
    return {
        "name": "T98G",
        "repository": "owner/name",
        "commit": "c0ffee",
        "folder": "Mask R-CNN",
        "licence": "MIT, its owner",
        "citation": "A. Author, A Journal 1 (2019)",
        "pixel_size_um": 0.871,
        "test": [2],
        "files": files,
    }


def test_the_real_table_names_50_frames_of_which_19_are_test_frames() -> None:
    files = list(remote_files(read_table("t98g")))
    images = [file for file in files if file.kind == "image"]
    labels = [file for file in files if file.kind == "label"]
    assert len(images) == len(labels) == 50
    test = {int(file.name[3:]) for file in images if file.split == "test"}
    assert test == {4, 7, 8, 12, 16, 19, 20, 24, 27, 28, 32, 36, 40, 44, *range(46, 51)}
    assert [file.place.name for file in labels] == [file.place.name for file in images]
    assert len({file.sha256 for file in files}) == 100
    assert all(len(file.sha256) == 64 and file.size > 10_000 for file in files)


def test_what_comes_is_a_data_set_without_findings(tmp_path: Path, server, table) -> None:
    to = tmp_path / "T98G"
    download(table, to, server.address)
    assert check_data(to, train=True).empty
    frames = list_frames(to)
    assert list(frames["name"]) == ["set01", "set11", "set02"]
    assert list(frames["split"]) == ["train", "train", "test"]
    assert list(frames["pixel_size_um"]) == [0.871] * 3
    assert list(np.unique(read_label(to / "train/labels/set01.tif"))) == [0, 1, 300]
    assert read_pixel_size(to / "train/labels/set01.tif") == pytest.approx(0.871)
    content = server.files[f"{FOLDER}/train/set2/raw.tif"]
    assert (to / "originals/set02.tif").read_bytes() == content
    original = tifffile.imread(io.BytesIO(content))
    np.testing.assert_array_equal(read_image(to / "test/images/set02.tif"), original)
    assert len(pd.read_csv(to / "frames.csv")) == 3
    assert not list(to.rglob("*.tmp"))


def test_what_is_there_is_not_fetched_again(tmp_path: Path, server, table) -> None:
    download(table, tmp_path, server.address)
    server.asked.clear()
    download(table, tmp_path, server.address)
    assert server.asked == []


def test_a_file_that_was_changed_or_lost_is_fetched_again(tmp_path: Path, server, table) -> None:
    download(table, tmp_path, server.address)
    server.asked.clear()
    (tmp_path / "originals/set01.tif").write_bytes(b"changed")
    (tmp_path / "originals/set02.png").unlink()
    (tmp_path / "test/labels/set02.tif").unlink()
    download(table, tmp_path, server.address)
    assert server.asked == [f"{FOLDER}/train/set{p}" for p in ("1/raw.tif", "2/instances_ids.png")]
    assert read_image(tmp_path / "train/images/set01.tif").shape == (8, 9)
    assert (tmp_path / "test/labels/set02.tif").is_file()


def test_a_label_that_was_corrected_by_hand_is_kept(tmp_path: Path, server, table) -> None:
    download(table, tmp_path, server.address)
    label = tmp_path / "train/labels/set01.tif"
    write_tiff(label, np.ones((8, 9), np.uint16))
    download(table, tmp_path, server.address)
    assert read_label(label).all()


def test_case_42_downloads(tmp_path, server, table) -> None:
    """A download is missing, cut off, or another file than expected.

    No file gets its name before its SHA-256 is the expected one. All that failed are listed, the
    others are kept, and the same command fetches what is missing. Archives are not among the
    downloads, and none is ever unpacked.
    """
    faults = {"1/raw.tif": "missing", "1/instances_ids.png": "cut", "11/raw.tif": "wrong"}
    server.faults = {f"{FOLDER}/train/set{path}": fault for path, fault in faults.items()}
    with pytest.raises(DownloadError) as caught:
        download(table, tmp_path, server.address)
    first, *lines = str(caught.value).splitlines()
    assert "3 of 6 files could not be fetched" in first
    quoted = f"{server.address}/owner/name/c0ffee/Mask%20R-CNN/train/set"
    for line, (path, reason) in zip(
        lines,
        [("1/raw.tif", "404"), ("1/instances_ids.png", "50"), ("11/raw.tif", "another content")],
        strict=True,
    ):
        assert line.startswith(f"  {quoted}{path}: ") and reason in line
    assert not (tmp_path / "frames.csv").exists() and not list(tmp_path.rglob("*.tmp"))
    there = sorted(path.name for path in tmp_path.rglob("*.*"))
    assert there == ["set02.png", "set02.tif", "set11.png"]
    server.faults, server.asked = {}, []
    download(table, tmp_path, server.address)
    assert len(server.asked) == 3 and check_data(tmp_path, train=True).empty


def test_what_a_kill_left_is_removed(tmp_path: Path, server, table) -> None:
    left = tmp_path / "train/images/.set01.tif.abc.tmp"
    left.parent.mkdir(parents=True)
    left.touch()
    download(table, tmp_path, server.address)
    assert not left.exists()


def test_a_silent_server_is_given_up(tmp_path: Path, server, table, monkeypatch) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT_S", 1)
    with pytest.raises(DownloadError, match="6 of 6") as caught:
        download(table, tmp_path, "http://127.0.0.1:9")  # the port that discards
    lines = str(caught.value).splitlines()[1:]
    assert [line.endswith(": not tried") for line in lines] == [False] * 3 + [True] * 3


def test_frames_of_another_origin_are_never_mixed_in(tmp_path: Path, server, table) -> None:
    own = tmp_path / "train/images/mine.tif"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(DownloadError, match=rf"1 files of another origin.*\n  {own}"):
        download(table, tmp_path, server.address)
    assert server.asked == []


def test_the_command_shows_licence_and_citation(tmp_path, server, table, monkeypatch, capsys):
    monkeypatch.setattr(downloads, "read_table", lambda _: table)
    arguments = ["t98g", "--to", str(tmp_path), "--base", server.address]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert table["licence"] in printed and table["citation"] in printed
    assert "2 frames in train/, 1 in test/" in printed
    server.faults = {f"{FOLDER}/train/set1/raw.tif": "missing"}
    (tmp_path / "originals/set01.tif").unlink()
    assert main(arguments) == 1
    assert "set1/raw.tif: 404" in capsys.readouterr().err
