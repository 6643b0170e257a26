"""Names, titles, keys and tokens of files from strangers: every command that reads a file is called on such files."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import matplotlib.image
import numpy as np
import pytest

import gasfield
from gasfield.cli import app
from gasfield.cli.headline_table import LINES
from gasfield.cli.system import report_fault
from gasfield.gas import Gas
from gasfield.printable import LISTED
from gasfield.tensors import encode_safetensors
from gasfield.trajectory import TrajectoryWriter

RAW = ("\x1b", "\u202e", "\u2066", "\x07", "\x85", "\r", "\udc80")
"""What must not reach a terminal."""
EVIL = "[/b]$\\frac{[bold red]\x1b[31m\u202e\u2066\x07\x85\r\nforged: line ± é 漢 %s {0}"
NAMES = [EVIL, "../../evil"]
TITLE = f"[/i]$\\sqrt${EVIL}"
SCENARIO = {
    "title": "\u202e[/b]$\\frac ± é", "question": "[/b]\u202e ± why – \u2066?",
    "space": {"kind": "free", "dimensions": 2},
    "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 4, "spread": 1.0}}],
    "dynamics": {"kind": "brownian", "time_step": 0.1, "friction": 1.0}, "temperature": 1.0, "run": {"steps": 3},
    "diagnostics": ["cloud"],
}  # fmt: skip
COMMANDS = {
    "list": ["list"],
    "show": ["show", "a.yaml"],
    "check": ["check", "a.yaml"],
    "run": ["run", "a.yaml", "-o", "out"],
    "resume": ["resume", "out"],
    "play": ["play", "a.yaml", "--steps", "2", "-o", "played"],
    "sweep": ["sweep", "a.yaml", "--scan", "{seeds: 1}", "-o", "swept", "--workers", "0"],
    "diagnose": ["diagnose", "a.h5", "--only", "motion", "--plots", "p"],
    "compare": ["compare", "a.h5", "b.h5"],
    "animate": ["animate", "a.h5", "-o", "a.gif", "--frames", "2"],
    "view": ["view", "a.h5", "b.h5", "-o", "v.html"],
    "report": ["report", "a.h5", "b.h5", "-o", "r.html", "--only", "motion", "--title", TITLE],
    "export": ["export", "a.h5", "-o", "a.csv", "--group", EVIL],
    "rows": ["rows", "a.h5", "--reach", "10", "--csv", "rows.csv"],
    "fit": ["fit", "a.h5", "-o", "f.h5", "--model", "linear", "--rows", EVIL],
    "forecast": ["forecast", "a.h5", "--train", "0:4", "--rows", "all"],
    "inspect": ["inspect", "a.h5"],
    "import": ["import", "w.safetensors", "-o", "i.h5"],
    "audit": ["audit", "w.safetensors"],
    "hindcast": ["hindcast", "a.h5"],
    "thermo": ["thermo", "l.npz"],
    "sample": ["sample", "l.npz", "--row", f"{EVIL}[0]"],
    "dead": ["dead", "m.safetensors"],
    "trace": ["trace", "model", "--ids", "1", "-o", "t.h5"],
}
NOT_OF_FILES = {"new", "calibrate", "schema", "record"}
"""Commands that print nothing from a file of others."""
EXTRA = {
    "another group": ["diagnose", "a.h5", "--group", "\x1b"],
    "another row": ["sample", "l.npz", "--row", "none"],
    "another tensor": ["inspect", "m.safetensors", "--tensor", "none"],
    "a wrong scenario": ["run", "wrong.yaml"],
    "no such file": ["diagnose", "\x1b[31m.h5"],
    "another observable": ["export", "a.h5", "-o", "none.csv", "--observable", EVIL],
    "another column": ["rows", "a.h5", "--sort", EVIL],
    "another number": ["report", "a.h5", "-o", "none.html", "--only", "cloud", "--headline", EVIL],
    "all diagnostics": ["diagnose", "a.h5", "--group", "../../evil"],
}


def write(path: Path, names: list[str], seed: int) -> None:
    count = 3 * len(names)
    walk = np.cumsum(np.random.default_rng(seed).normal(size=(8, count, 2)), axis=0)
    tokens = [EVIL + str(i) for i in range(count)]
    gas = Gas(
        walk[0], names=names, species=np.repeat(np.arange(len(names)), 3), tokens=tokens, token_ids=np.arange(count)
    )
    with TrajectoryWriter(path, gas, precision="float64", provenance={"title": TITLE, "source": TITLE}) as writer:
        for step, positions in enumerate(walk):
            writer.frame(step, float(step), positions)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder two levels down, so that a path out of it stays in a temporary folder."""
    folder = tmp_path_factory.mktemp("hostile") / "a" / "b"
    folder.mkdir(parents=True)
    write(folder / "a.h5", NAMES, 0)
    write(folder / "b.h5", NAMES, 1)
    (folder / "a.yaml").write_text(json.dumps(SCENARIO), encoding="utf-8")
    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "evil\u202e\x1b[31m.yaml").write_text(json.dumps(SCENARIO), encoding="utf-8")
    wrong = SCENARIO | {"title": EVIL, "[/b]\u202e": 1, "run": {"steps": "\u202e[/b]"}}
    (folder / "wrong.yaml").write_text(json.dumps(wrong), encoding="utf-8")
    numbers = np.random.default_rng(0)
    logits = {f"{EVIL}": numbers.normal(0, 2, (2, 9)), "tokens": np.array([f"{EVIL}{i}" for i in range(9)])}
    np.savez(folder / "l.npz", **logits)
    rows = numbers.normal(size=(30, 4)).astype(np.float32)
    (folder / "m.safetensors").write_bytes(encode_safetensors({EVIL: ("F32", rows)}, {EVIL: EVIL}))
    (folder / "model").mkdir()  # of which a shard is missing
    (folder / "model" / "config.json").write_text(json.dumps({"model_type": EVIL}), encoding="utf-8")
    index = {"weight_map": {EVIL: f"{EVIL}.safetensors"}}
    (folder / "model" / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "w.safetensors").write_bytes(
        encode_safetensors({"W": ("F32", np.stack([rows, rows + 1]))}, {EVIL: EVIL, "title": TITLE})
    )
    return folder


def call(words: list[str], folder: Path, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    """The command in this process, under streams of an encoding."""
    from gasfield.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, newline="") for _ in range(2))
    before, code = Path.cwd(), 0
    os.chdir(folder)
    try:
        with mock.patch.object(sys, "argv", ["gasfield", *words]), redirect_stdout(out), redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                code = int(str(end.code or 0))
            except Exception:
                traceback.print_exc()
                code = 1
    finally:
        os.chdir(before)
        sys.excepthook = sys.__excepthook__
    said = []
    for stream in (out, err):
        stream.flush()
        said.append(stream.buffer.getvalue().decode(encoding))
    return subprocess.CompletedProcess(words, code, *said)


def test_every_command_is_here() -> None:
    from typer.main import get_command

    assert set(vars(get_command(app))["commands"]) == COMMANDS.keys() | NOT_OF_FILES


@pytest.mark.parametrize("name", [*COMMANDS, *EXTRA])
def test_no_name_is_obeyed_and_none_leaves_its_folder(name: str, files: Path) -> None:
    words = COMMANDS.get(name) or EXTRA[name]
    outside = {path for path in files.parent.parent.rglob("*") if files not in path.parents}
    done = call(words, files)
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert done.returncode == (
        2 if name in ("resume", "hindcast", "trace", *EXTRA) and name != "all diagnostics" else 0
    ), said
    assert not [raw for raw in RAW if raw in said]
    assert not any(line.startswith("forged") for line in said.splitlines())
    assert "there is no picture" not in said
    assert {path for path in files.parent.parent.rglob("*") if files not in path.parents} == outside
    if "--plots" in words:
        pictures = sorted((files / words[words.index("--plots") + 1]).iterdir())
        assert pictures
        for picture in pictures:
            assert picture.suffix == ".png"
            assert matplotlib.image.imread(picture).std() > 0.01


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_every_command_prints_in_any_encoding(encoding: str, files: Path) -> None:
    names = ("list", "show", "diagnose", "compare", "inspect", "thermo", "sample", "forecast", "import")
    for name in names if encoding == "ascii" else names[:2]:
        words = [word for word in COMMANDS[name] if word not in ("--plots", "p")]
        done = call([*words, *(["--overwrite"] if name == "import" else [])], files, encoding)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    shown = call(["show", "a.yaml"], files, encoding).stdout
    (files / "shown.yaml").write_text(shown, encoding=encoding)
    assert call(["show", "shown.yaml"], files).stdout == call(["show", "a.yaml"], files).stdout
    assert "why - " in call(["list"], files, "ascii").stdout


def test_commands_print_through_one_module() -> None:
    """Which escapes; two print YAML and JSON that they have made printable themselves."""
    for path in (Path(gasfield.__file__).parent / "cli").glob("*.py"):
        if path.name not in ("output.py", "tables.py", "terminal.py", "schema.py", "show.py", "main.py"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.])print\(|typer\.echo|rich\.(console|table|markup)", text), path.name


def test_json_is_exact(files: Path) -> None:
    data = json.loads(call(["diagnose", "a.h5", "--only", "cloud", "--json"], files, "ascii").stdout)
    assert list(data["groups"]) == NAMES


def test_many_groups_are_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["gasfield.cli.diagnose"], "MOST_GROUPS", 120)
    write(tmp_path / "a.h5", [f"g{i}" for i in range(130)], 0)
    done = call(["diagnose", "a.h5", "--only", "cloud"], tmp_path)
    assert done.returncode == 0
    assert "the first 120 of 130 groups are diagnosed" in done.stderr
    assert len(re.findall("^g[0-9]+ ", done.stdout, re.M)) == LINES
    done = call(["diagnose", "a.h5", "--only", "cloud", "--verbose"], tmp_path)
    assert "... 20 more groups (--json has all)" in done.stdout
    assert len(re.findall("^g[0-9]+$", done.stdout, re.M)) == LISTED
    done = call(["diagnose", "a.h5", "--only", "cloud", "--group", "g125", "--verbose"], tmp_path)
    assert re.findall("^g[0-9]+$", done.stdout, re.M) == ["g125"]


def test_an_import_takes_names_of_groups_only(files: Path) -> None:
    for name in ("../../evil", "/tmp/evil", "a b", "[/b]", "1"):
        done = call(["import", "w.safetensors", "-o", "j.h5", "--rows", f"{name}=0:3"], files)
        assert done.returncode == 2
        assert "--rows" in done.stderr
        assert "no name of a group" in done.stderr
        assert not (files / "j.h5").exists()


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (MemoryError("\x1b[31m 10 TB"), 4, "out of memory: \\x1b[31m 10 TB."),
        (RecursionError(), 2, "nested too deeply"),
        (OSError(28, "No space left", "a\x1b"), 4, "a\\x1b: No space left."),
        (FileNotFoundError(2, "No such file", "b"), 2, "b: No such file."),
    ],
)
def test_faults_of_the_system_are_one_line_wherever_they_arise(
    fault: BaseException, code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **more: object) -> None:
        raise fault

    for place, name in ((sys.modules["gasfield.cli.main"], "app"), (gasfield.scenario, "load_scenario")):
        with monkeypatch.context() as patched:
            patched.setattr(place, name, fail)
            done = call(["show", "double-well"], tmp_path)
        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr.startswith("gasfield: ")
        assert says in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_fault_of_gasfield_itself_is_printed_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("\x1b[2J\u202e")
    except ValueError as fault:
        report_fault(type(fault), fault, fault.__traceback__)
    assert r"ValueError: \x1b[2J\u202e" in capsys.readouterr().err
