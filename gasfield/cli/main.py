"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.schema import schema
from gasfield.errors import GasfieldError, InputError
from gasfield.version import __version__

app = typer.Typer(
    help="A physics sandbox in which the tokens of a language model are the particles of a gas.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario's name, or a YAML file.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Override a key by its path; may be given again.")
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads of kernels and BLAS; all cores if left out.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Pictures = Annotated[
    Path | None, typer.Option("--plots", metavar="FOLDER", help="Folder for the pictures; none are made if left out.")
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="Run this Python file first, with all your rights: it makes forces of your own known. May be given again.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]


def main() -> None:
    """Entry point: runs a command, and turns what gasfield raises on purpose into a message and an exit code."""
    from gasfield.kernels.cache import key_by_sources

    key_by_sources()
    try:
        app()
    except GasfieldError as error:
        for line in str(error).splitlines():
            print(f"gasfield: {line}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"gasfield {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command("list")
def list_scenarios() -> None:
    """Lists the scenarios here, each with its question."""
    from rich.console import Console
    from rich.table import Table

    from gasfield.resources import scenario_files
    from gasfield.scenario.document import Document

    table = Table("scenario", "question", box=None, pad_edge=False)
    for path in scenario_files():
        data = Document(path).data
        table.add_row(path.stem, str(data.get("question", "")) if isinstance(data, dict) else "")
    Console().print(table)


@app.command()
def show(name: ScenarioName, settings: Settings = None, plugins: Plugins = None) -> None:
    """Prints a scenario as resolved: defaults filled in, overrides applied."""
    from gasfield.scenario import load_scenario

    _run_plugins(plugins)
    print(load_scenario(name, settings or ()).yaml(), end="")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the new scenario; becomes NAME.yaml here.")],
    like: Annotated[str, typer.Option("--like", help="The scenario to start from.")] = "dead-token-drift",
) -> None:
    """Starts a scenario of your own: a commented copy of one that works."""
    from gasfield.resources import find_scenario

    path = Path(f"{name.removesuffix('.yaml')}.yaml")
    if path.exists():
        raise InputError(f"{path}: exists already; choose another name.")
    path.write_text(find_scenario(like).read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{path}: a copy of {like}. Edit it, then `gasfield check {path}` and `gasfield run {path}`.")


@app.command()
def check(
    names: Annotated[list[str], typer.Argument(metavar="SCENARIO...", help="Names or YAML files.")],
    settings: Settings = None,
    plugins: Plugins = None,
) -> None:
    """Validates scenarios: keys, types, files, fields. Exit code 2 and a message for each fault."""
    from gasfield.scenario import load_scenario
    from gasfield.simulation import Simulation

    _run_plugins(plugins)
    faults: list[str] = []
    for name in names:
        try:
            simulation = Simulation(load_scenario(name, settings or ()))
            print(f"{name}: fine ({simulation.gas.count} particles in {simulation.gas.dimensions} dimensions)")
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError("\n".join(faults))


@app.command()
def run(
    name: ScenarioName,
    settings: Settings = None,
    plugins: Plugins = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Run directory; outputs/NAME/NNN if left out.")
    ] = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Simulates a scenario and writes its run directory: trajectory, summary, plots."""
    from gasfield import runs
    from gasfield.cli.terminal import print_run, steps_bar

    _run_plugins(plugins)
    _limit_threads(threads)
    with steps_bar(quiet) as listen:
        result = runs.run(name, overrides=settings or [], output=output, overwrite=overwrite, progress=listen)
    if not quiet:
        print_run(result)


@app.command()
def resume(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The directory of a run that was killed.")],
    plugins: Plugins = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Goes on with a run that was killed; the end is the same, bit for bit, as without the kill."""
    from gasfield import runs
    from gasfield.cli.terminal import print_run, steps_bar

    _run_plugins(plugins)
    _limit_threads(threads)
    with steps_bar(quiet) as listen:
        result = runs.resume(directory, progress=listen)
    if not quiet:
        print_run(result)


@app.command()
def diagnose(
    trajectory: Annotated[Path, typer.Argument(help="A trajectory, simulated or recorded.")],
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="This diagnostic alone; may be given again.")
    ] = None,
    plugins: Plugins = None,
    as_json: Json = False,
    plots: Pictures = None,
) -> None:
    """Computes every diagnostic that applies to a trajectory, and says what was left out and why."""
    import json

    from gasfield.cli.terminal import print_diagnosis
    from gasfield.diagnostics import diagnose as run_diagnostics
    from gasfield.trajectory import open_trajectory

    _run_plugins(plugins)
    with open_trajectory(trajectory) as opened:
        diagnosis = run_diagnostics(opened, only or None)
        data = diagnosis.as_json()
        description = repr(opened)
    if as_json:
        print(json.dumps(data, indent=2, allow_nan=False))
    else:
        print(description)
        print_diagnosis(data)
    if plots:
        diagnosis.plot_all(plots)


@app.command()
def animate(
    trajectory: Annotated[Path, typer.Argument(help="A trajectory, simulated or recorded.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Film to write, .gif or .mp4; beside the trajectory if left out."),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Show this group only; may be given again.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=2, help="At most so many frames.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", help="See everything from its centroid.")] = False,
    speed: Annotated[float, typer.Option("--fps", min=1.0, max=50.0, help="Frames a second.")] = 20.0,
    overwrite: Overwrite = False,
) -> None:
    """Makes a film of a trajectory: structures with their bonds coloured by strain, in the flow."""
    from gasfield.films import animate as make_film
    from gasfield.trajectory import open_trajectory

    with open_trajectory(trajectory) as opened:
        film = output or trajectory.with_suffix(".gif")
        made = make_film(
            opened,
            film,
            groups=group or None,
            frames=frames,
            frames_per_second=speed,
            follow=follow,
            overwrite=overwrite,
        )
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")


@app.command()
def compare(
    real: Annotated[Path, typer.Argument(metavar="A", help="The real trajectory.")],
    simulated: Annotated[Path, typer.Argument(metavar="B", help="The simulated one.")],
    plugins: Plugins = None,
    as_json: Json = False,
    plots: Pictures = None,
) -> None:
    """Lays two trajectories side by side: how far is B from A?"""
    import json

    from gasfield.cli.terminal import print_comparison
    from gasfield.comparison import compare as compare_trajectories
    from gasfield.trajectory import open_trajectory

    _run_plugins(plugins)
    with open_trajectory(real) as a, open_trajectory(simulated) as b:
        comparison = compare_trajectories(a, b)
    if as_json:
        print(json.dumps(comparison.as_json(), indent=2, allow_nan=False))
    else:
        print_comparison(comparison)
    if plots:
        plots.mkdir(parents=True, exist_ok=True)
        comparison.plot_all(plots)


@app.command()
def inspect(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="safetensors (a file, a folder of shards, or their index), npy, npz, or a trajectory."
        ),
    ],
    tensor: Annotated[
        str | None, typer.Option("--tensor", metavar="NAME", help="Its name; by common names if left out.")
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            metavar="IDS",
            help="Compare these rows with the rest: a text file of ids, a range 0:1000, a group of a trajectory.",
        ),
    ] = None,
    cells: Annotated[
        int, typer.Option("--cells", metavar="K", help="Reach of chains of neighbours, in cells of bfloat16.")
    ] = 1,
    step: Annotated[
        int | None, typer.Option("--step", help="Recorded step of a trajectory; the last if left out.")
    ] = None,
    bits: Annotated[
        str | None,
        typer.Option("--bits", metavar="bfloat16", help="What uint16 numbers of npy and npz are the bits of."),
    ] = None,
    as_json: Json = False,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="Folder for the pictures; none are made if left out.")
    ] = None,
) -> None:
    """Looks at an embedding matrix: identical rows, neighbours on the lattice, norms, cosines, outliers."""
    import json

    from gasfield.cli.terminal import print_inspection, status
    from gasfield.inspection import inspect as inspect_matrix

    with status() as tell:
        inspection = inspect_matrix(source, tensor=tensor, rows=rows, cells=cells, step=step, bits=bits, progress=tell)
    if as_json:
        print(json.dumps(inspection.as_json(), indent=2, allow_nan=False))
    else:
        print_inspection(inspection)
    if plots:
        plots.mkdir(parents=True, exist_ok=True)
        inspection.plot_all(plots)


@app.command()
def dead(
    matrix: Annotated[
        Path | None, typer.Argument(metavar="[MATRIX]", help="An embedding, in any file that `inspect` reads.")
    ] = None,
    counts: Annotated[
        Path | None, typer.Option("--counts", help="Token counts: JSON, npy, npz, csv, or a count a line.")
    ] = None,
    tokenizer: Annotated[Path | None, typer.Option("--tokenizer", help="tokenizer.json, to count tokens.")] = None,
    corpus: Annotated[
        list[Path] | None, typer.Option("--corpus", help="Text to count in, plain, .gz or .xz; may be given again.")
    ] = None,
    at_most: Annotated[
        int, typer.Option("--at-most", metavar="K", help="Rows that occur, but at most K times, are nearly dead.")
    ] = 0,
    tensor: Annotated[
        str | None, typer.Option("--tensor", metavar="NAME", help="Its name; by common names if left out.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the ids, which `--rows` of other commands reads.")
    ] = None,
    save_counts: Annotated[
        Path | None, typer.Option("--save-counts", metavar="FILE.npy", help="File for the counts of all tokens.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    plots: Pictures = None,
) -> None:
    """Finds rows that never occurred in training, by counting tokens or by the matrix alone."""
    import json

    from gasfield.cli.terminal import print_dead
    from gasfield.inspection import find_dead

    for option, path in (("--output", output), ("--save-counts", save_counts)):
        if path is not None and path.exists() and not overwrite:
            raise InputError(f"{option} {path}: exists already; choose another, or give --overwrite to replace a file.")
    if save_counts is not None and not (counts or tokenizer):
        raise InputError("--save-counts: nothing is counted; give --tokenizer and --corpus.")
    found = find_dead(matrix, counts=counts, tokenizer=tokenizer, corpus=corpus or (), at_most=at_most, tensor=tensor)
    if output is not None:
        found.write(output)
    if save_counts is not None:
        found.save_counts(save_counts)
    if as_json:
        print(json.dumps(found.as_json(), indent=2, allow_nan=False))
    else:
        print_dead(found)
    if plots:
        plots.mkdir(parents=True, exist_ok=True)
        found.plot_all(plots)


app.command()(schema)


@app.command("import")
def import_(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A trajectory (safetensors or npz with W, m, v, g, loss; .h5), checkpoints, a model, or a matrix.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    rows: Annotated[
        list[str] | None,
        typer.Option(
            "--rows",
            metavar="NAME=IDS",
            help="A group: a text file of row numbers, or a range 0:1000; may be given again. All rows if left out.",
        ),
    ] = None,
    rest: Annotated[bool, typer.Option("--rest", help="Keep the other rows too, as group rest.")] = False,
    tensor: Annotated[
        str | None, typer.Option("--tensor", metavar="NAME", help="Its name; by common names if left out.")
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option("--tokenizer", help="tokenizer.json, vocab.json or vocab.txt, for the tokens' strings."),
    ] = None,
    bits: Annotated[
        str | None,
        typer.Option("--bits", metavar="bfloat16", help="What uint16 numbers are the bits of; taken for that anyway."),
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", metavar="KIND", help="How to read it; found out if left out.")
    ] = None,
    every: Annotated[int, typer.Option("--every", metavar="K", help="Take each K-th frame.")] = 1,
    plugins: Plugins = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Brings recordings and checkpoints that exist already into a trajectory file. Nothing is ever unpickled."""
    from gasfield.cli.terminal import frames_bar
    from gasfield.importing import import_recording

    _run_plugins(plugins)
    groups: dict[str, str] = {}
    for each in rows or []:
        name, equals, ids = each.partition("=")
        if not (name and equals and ids) or name in groups:
            raise InputError(f"--rows {each}: NAME=IDS is wanted, each name once.")
        groups[name] = ids
    with frames_bar(quiet) as listen:
        notes = import_recording(
            source, output, rows=groups, rest=rest, tensor=tensor, bits=bits, tokenizer=tokenizer,
            format=format, every=every, overwrite=overwrite, progress=listen,
        )  # fmt: skip
    if not quiet:
        for note in notes:
            print(f"note: {note}")
        print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


@app.command()
def record(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; outputs/recordings/NNN.h5 if left out.")
    ] = None,
    corpus: Annotated[
        str | None, typer.Option("--corpus", help="UTF-8 text, plain, .xz or .gz; a shipped text if left out.")
    ] = None,
    precision: Annotated[str, typer.Option("--precision", help="bf16, bf16-fp32state or fp32.")] = "bf16",
    tracers: Annotated[
        Path | None, typer.Option("--tracers", help="YAML with `tracers:` to plant in dead rows before training.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps")] = 500,
    batch: Annotated[int, typer.Option("--batch", help="Sequences a step.")] = 32,
    sequence: Annotated[int, typer.Option("--sequence", help="Tokens a sequence.")] = 64,
    seed: Annotated[int, typer.Option("--seed")] = 1,
    learning_rate: Annotated[float, typer.Option("--lr")] = 1e-3,
    weight_decay: Annotated[float, typer.Option("--decay", help="Decoupled weight decay.")] = 0.0,
    vocabulary: Annotated[int, typer.Option("--vocabulary")] = 10_000,
    dimensions: Annotated[int, typer.Option("--dimensions", help="Width D of the model.")] = 64,
    dead: Annotated[
        int, typer.Option("--dead", help="Tokens that shall never occur; 0 trains on the whole text.")
    ] = 3700,
    dead_rows: Annotated[int, typer.Option("--dead-rows", help="Dead rows followed at every step.")] = 64,
    live_rows: Annotated[int, typer.Option("--live-rows", help="Live rows followed at every step.")] = 32,
    every: Annotated[
        int, typer.Option("--every", help="Steps between recorded frames; the field is kept at every step.")
    ] = 1,
    field: Annotated[
        str, typer.Option("--field", help="affine (at every step), full (exact, at every step: large) or none.")
    ] = "affine",
    full_steps: Annotated[
        str,
        typer.Option("--full-steps", help="With affine: how many steps, or which (0,10,250), keep the exact field."),
    ] = "20",
    survey_steps: Annotated[int, typer.Option("--survey-steps", help="Steps at which all dead rows are kept.")] = 12,
    hidden_bits: Annotated[
        int, typer.Option("--hidden-bits", help="Mantissa bits kept of hidden states, 7 to 23 (all).")
    ] = 23,
    survey_bits: Annotated[
        int, typer.Option("--survey-bits", help="Mantissa bits kept of the survey, 7 to 23 (all).")
    ] = 23,
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Trains a tiny language model on a text and records how its embedding moves."""
    _require_recording()
    import torch
    from pydantic import ValidationError

    from gasfield.cli.terminal import explain_options, training_bar
    from gasfield.recording.corpus import DEFAULT_TEXT
    from gasfield.recording.plan import RecordingPlan
    from gasfield.recording.record import next_recording, read_tracers
    from gasfield.recording.record import record as record_training
    from gasfield.recording.training import TrainingPlan

    planted = read_tracers(str(tracers)) if tracers else ()
    try:
        training_plan = TrainingPlan.model_validate(
            {
                "text": corpus or DEFAULT_TEXT, "precision": precision, "steps": steps, "batch": batch, "seed": seed,
                "dead": dead, "learning_rate": learning_rate, "weight_decay": weight_decay,
                "geometry": {"vocabulary": vocabulary, "dimensions": dimensions, "sequence": sequence},
            }
        )  # fmt: skip
        recording_plan = RecordingPlan.model_validate(
            {
                "dead_rows": dead_rows, "live_rows": live_rows, "every": every, "field": field, "tracers": planted,
                "full_steps": _steps(full_steps), "survey_steps": survey_steps, "hidden_bits": hidden_bits,
                "survey_bits": survey_bits,
            }
        )  # fmt: skip
    except ValidationError as error:
        raise explain_options(error) from None
    if threads:
        torch.set_num_threads(threads)
    output = output or next_recording()
    command = " ".join(["gasfield", *sys.argv[1:]])
    with training_bar(steps, quiet) as listen:
        try:
            record_training(
                training_plan, recording_plan, output, overwrite=overwrite, progress=listen, command=command
            )
        except KeyboardInterrupt:
            print(f"\ninterrupted; {output} holds every step up to here", file=sys.stderr)
            raise typer.Exit(130) from None
    if not quiet:
        print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


def _steps(text: str) -> int | tuple[int, ...]:
    """`20` is how many, `0,10,250` is which."""
    try:
        steps = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--full-steps {text}: write how many (20), or which (0,10,250).") from None
    return steps if "," in text else steps[0]


def _require_recording() -> None:
    for package in ("torch", "tokenizers"):
        if find_spec(package) is None:
            raise InputError(
                f"recording needs the package {package}, which is an extra: pip install 'gasfield[record]' "
                "(the README says how to get a CPU build)."
            )


def _run_plugins(paths: list[Path] | None) -> None:
    if not paths:
        return
    from gasfield.plugins import run_plugin

    for path in paths:
        print(f"gasfield: running the Python file {path} (--plugin)", file=sys.stderr)
        run_plugin(path)


def _limit_threads(threads: int | None) -> None:
    if threads is None:
        return
    import numba
    from threadpoolctl import threadpool_limits

    numba.set_num_threads(min(threads, numba.get_num_threads()))
    threadpool_limits(threads)


if __name__ == "__main__":
    main()
