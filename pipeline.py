"""The conductor: one parameter set in, one run folder out.

    python pipeline.py --data ../my_frames
    python pipeline.py --parameters parameters/quick.yaml -p seed=3
    python pipeline.py --data ../my_frames --resume

Runs the stage notebooks in order and then main.ipynb, each in a fresh kernel, and keeps the
executed copies in RUN/notebooks. Stages hand over by the files of the run folder.
"""

import argparse
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from conductor import parameters as parameter_set
from conductor import record as run_record
from conductor.report import write_report
from conductor.stage import StageFailed, execute_notebook
from preprocess.check import DataError, check_data, list_frames, require_fit
from preprocess.layout import PROJECT, SPLITS, RunLayout, resolve
from preprocess.sources.simulate import write_default
from preprocess.tiff import ENDINGS

DEFAULT_DATA = PROJECT / "unet_data"
STAGES = {
    "01_explore": "seconds",
    "02_preprocess": "seconds",
    "03_augment": "seconds",
    "04_train": "the long one: minutes",
    "05_test": "about a second a frame and net",
    "06_discuss": "about a minute",
}
NEEDS_TEST_FRAMES = ("05_test", "06_discuss")
NEEDS_LABELS = ("02_preprocess", "03_augment", "04_train")
REFUSALS = (parameter_set.ParameterError, DataError, run_record.RunFolderError, StageFailed)


def notebook_path(stage: str) -> Path:
    """Where a stage's notebook lies; `main` lies beside this file."""
    return PROJECT / "main.ipynb" if stage == "main" else PROJECT / "notebooks" / f"{stage}.ipynb"


def read_parameters(
    path: str | Path = "parameters/default.yaml",
    data: str | None = None,
    run_folder: str | None = None,
    overrides: tuple[str, ...] = (),
) -> dict[str, object]:
    """The complete parameter set of a run.

    Parameters
    ----------
    path : str or Path
        YAML file. Paths inside a file of `parameters/`, or the config.yaml of a run, are relative
        to the project, in any other file, and in the arguments below, to the current folder.
    data, run_folder : str, optional
        Replace `data` and `run`. Data without a run folder go to `runs/NAME-OF-DATA`.
    overrides : tuple of str
        `name=value` texts.

    Returns
    -------
    dict of str to str, int, float or bool

    Raises
    ------
    ParameterError
        Naming every unknown name and wrong type at once.
    """
    here = Path.cwd()
    file = here / Path(path).expanduser()
    file = file if file.exists() else PROJECT / path
    ours = file.resolve().is_relative_to(PROJECT / "parameters")
    base = PROJECT if ours or (file.parent / "status.json").exists() else here
    defaults = parameter_set.merged_defaults(map(notebook_path, [*STAGES, "main"]))
    given = parameter_set.read_overrides(overrides, defaults)
    given |= {k: v for k, v in {"data": data, "run": run_folder}.items() if v is not None}
    if isinstance(given.get("data"), str) and "run" not in given:
        given["run"] = str(PROJECT / "runs" / Path(os.path.abspath(here / given["data"])).name)
    stored = parameter_set.anchored(parameter_set.read_file(file), base)
    return parameter_set.complete(stored | parameter_set.anchored(given, here), defaults)


def provide_data(data: str) -> Path:
    """Folder of a data set; the embedded one is simulated where it holds no frames yet."""
    folder = resolve(data)
    if folder == DEFAULT_DATA:
        fill_default_data()
    return folder


def fill_default_data() -> None:
    """Simulate the embedded data set where `unet_data/` holds no frames, or half of them.

    The marker tells an interrupted simulation from frames that a user laid there, which are never
    added to.
    """
    marker = DEFAULT_DATA / ".filling"
    files = itertools.chain.from_iterable((DEFAULT_DATA / split).rglob("*") for split in SPLITS)
    if not marker.exists() and any(path.suffix.lower() in ENDINGS for path in files):
        return
    print("unet_data: simulating the default frames; takes about a minute and 31 MB", flush=True)
    DEFAULT_DATA.mkdir(exist_ok=True)
    marker.touch()
    write_default(DEFAULT_DATA)
    marker.unlink()


def plan(parameters: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """Refuse unusable data before anything is written, and choose the stages.

    Images without training labels are segmented with the shipped weights.

    Impossible parameters are refused here too, among them a net that cannot be read.

    Returns
    -------
    parameters : dict of str to str, int, float or bool
        With `weights` set to `shipped` where this run trains none.
    stages : list of str

    Raises
    ------
    ParameterError
        Naming every impossible value.
    DataError
        With a table of every offender.
    """
    data = provide_data(parameters["data"])
    selection = parameters["channel"], parameters["series"]
    frames = list_frames(data, *selection)
    trainable = bool(((frames["split"] == "train") & (frames["label"] != "")).any())
    from model.headless import impossible  # torch takes seconds to import

    problems = parameter_set.impossible(parameters) + impossible(parameters, trainable)
    if problems:
        raise parameter_set.ParameterError("\n  ".join(["parameters refused:", *problems]))
    findings = check_data(data, trainable, *selection)
    require_fit(findings)
    print(f"data: {data}: {len(frames)} frames", flush=True)
    if len(findings):
        print(findings.to_string(index=False), flush=True)
    stages = [*STAGES]
    if not (frames["split"] == "test").any():
        if not trainable:
            raise DataError(
                f"data: {data} has no labels to train on and no frames to segment; outline cells "
                "in train/labels, or move the images to test/images"
            )
        print("no frames in test/images: 05 and 06 are left out, a net is trained")
        stages = [stage for stage in STAGES if stage not in NEEDS_TEST_FRAMES]
    if trainable:
        return dict(parameters), stages
    print("no training labels: 02 to 04 are left out, earlier trained weights give the masks")
    weights = "shipped" if parameters["weights"] == "run" else parameters["weights"]
    return {**parameters, "weights": weights}, [s for s in stages if s not in NEEDS_LABELS]


def run(parameters: Mapping[str, object], with_main: bool = True) -> RunLayout:
    """Run the pipeline once.

    Parameters
    ----------
    parameters : mapping
        A complete set, as from `read_parameters`.
    with_main : bool
        End with main.ipynb.

    Returns
    -------
    RunLayout
        Where everything lies.

    Raises
    ------
    ParameterError, DataError, RunFolderError
        Before anything is written; RunFolderError also where the disk is full.
    StageFailed
        Naming stage, cell and cause; status.json says the same, log.txt has the traceback.
    """
    root, data = resolve(parameters["run"]), resolve(parameters["data"])
    run_record.require_run_folder(root, data)
    parameters, stages = plan(parameters)
    layout, known = RunLayout(root), run_record.fingerprint(data)
    if parameters["resume"]:
        run_record.require_resumable(layout, parameters, known)
    run_record.require_room(root)
    with_main = with_main and [*STAGES][-1] in stages
    with run_record.locked(root):
        record = run_record.begin(layout, parameters, known)
        try:
            _run_stages([*stages, "main"] if with_main else stages, parameters, layout, record)
            if data == DEFAULT_DATA:
                _copy_to_default_data(layout)
            write_report(layout)
            record.update(state="done", stage="")
        except BaseException as error:
            with suppress(OSError):  # of a full disk, which must not hide the cause
                record.log(traceback.format_exc())
                record.update(state="failed", reason=str(error) or type(error).__name__)
            if isinstance(error, OSError):
                raise run_record.RunFolderError(f"run: {root}: {error}") from error
            raise
    return layout


def _run_stages(
    stages: list[str],
    parameters: Mapping[str, object],
    layout: RunLayout,
    record: run_record.Record,
) -> None:
    """Execute the unfinished stages; each receives only what differs from its own defaults."""
    for number, stage in enumerate(stages, start=1):
        if stage in record.status["seconds"]:
            record.say(f"[{number}/{len(stages)}] {stage} is finished already")
            continue
        cost = STAGES.get(stage, "seconds")
        record.say(f"[{number}/{len(stages)}] {stage} ({cost})")
        record.update(stage=stage)
        notebook = notebook_path(stage)
        defaults = parameter_set.declared_parameters(notebook)
        changed = {k: parameters[k] for k, v in defaults.items() if parameters[k] != v}
        start = time.monotonic()
        echo = run_record.Echo(record, console=stage == "04_train")
        execute_notebook(notebook, layout.notebooks / notebook.name, changed, echo)
        seconds = time.monotonic() - start
        record.finish_stage(stage, seconds)
        record.say(f"[{number}/{len(stages)}] {stage} done in {seconds:.0f} s")


def _copy_to_default_data(layout: RunLayout) -> None:
    """Lay masks and augmented examples beside the default data, for who looks for them there."""
    for source in (layout.predicted_masks, layout.augmented):
        target = DEFAULT_DATA / source.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)


def ensure_run(
    run: str, data: str, parameters: str = "parameters/quick.yaml", **overrides: object
) -> None:
    """Run the stages where the run folder holds no finished last stage; otherwise do nothing.

    Parameters
    ----------
    run, data : str
        As in the parameters cell of main.ipynb.
    parameters : str
        Parameters file for the remaining values.
    **overrides
        Single values that replace those of the file.

    Raises
    ------
    RunFolderError
        If the folder holds a run of other data.
    StageFailed
        If the pipeline ends with an error; its own message stands above.
    """
    root = resolve(run)
    status = run_record.read_status(root)
    if [*STAGES][-1] in status.get("seconds", {}):
        if resolve(status["parameters"]["data"]) == resolve(data):
            return
        raise run_record.RunFolderError(
            f"run: {run} holds a run of {status['parameters']['data']}; give {data} another folder"
        )
    # A process of its own: papermill starts an event loop, and this kernel already has one.
    command = [sys.executable, str(PROJECT / "pipeline.py"), "--stages-only"]
    command += ["--parameters", str(resolve(parameters))]
    command += ["--data", str(resolve(data)), "--run", str(root)]
    command += [word for name, value in overrides.items() for word in ("-p", f"{name}={value}")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
    if process.returncode:
        raise StageFailed(f"the pipeline ended with code {process.returncode}; see {root}")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parameters", metavar="FILE", help="default: parameters/default.yaml")
    parser.add_argument("--data", metavar="DIR", help="data set; default: the simulated frames")
    parser.add_argument("--run", metavar="DIR", help="run folder; default: runs/NAME-OF-DATA")
    parser.add_argument("-p", action="append", default=[], metavar="name=value")
    parser.add_argument(
        "--check", action="store_true", help="check parameters and data, write no run"
    )
    parser.add_argument("--stages-only", action="store_true", help="leave main.ipynb out")
    parser.add_argument(
        "--resume", action="store_true", help="continue the interrupted run in the run folder"
    )
    options = parser.parse_args(arguments)
    # A terminated run shall end like a failed one: with its status written.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    start = time.monotonic()
    try:
        given = (options.data, options.run, tuple(options.p))
        parameters = read_parameters(options.parameters or "parameters/default.yaml", *given)
        if options.resume:
            config = RunLayout(resolve(parameters["run"])).config
            if not options.parameters and config.exists():
                parameters = read_parameters(config, *given)
            parameters["resume"] = True
        if options.check:
            plan(parameters)
            print("fit to use")
            return 0
        layout = run(parameters, with_main=not options.stages_only)
    except REFUSALS as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        if isinstance(error, StageFailed):
            remedy = "remove the cause, then continue with --resume (make: RESUME=1)"
            print(f"Finished stages are kept: {remedy}", file=sys.stderr)
        return 1
    print(f"\nDone in {time.monotonic() - start:.0f} s. Look at:")
    shown = [layout.report, layout.notebooks, layout.figures, layout.scores, layout.predicted_masks]
    print("\n".join(f"  {path}" for path in shown if path.exists()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
