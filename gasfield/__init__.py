"""gasfield: a physics sandbox in which the tokens of a language model are the particles of a gas.

    import gasfield
    result = gasfield.run("dead-token-drift")        # a run directory with trajectory, summary and plots
    recording = gasfield.open("recording.h5")        # any trajectory, simulated or recorded
    gasfield.compare(recording, result.open()).as_json()

Names are loaded when they are first used, so that importing gasfield costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gasfield.version import __version__

if TYPE_CHECKING:
    from gasfield.comparison import compare
    from gasfield.cost.calibration import calibrate
    from gasfield.cost.cost import predict_cost
    from gasfield.diagnostics import diagnose
    from gasfield.diagnostics.thermodynamics.free_energy import free_energy_along_temperature, thermodynamic_integration
    from gasfield.errors import BlowUp, InputError
    from gasfield.exporting import export
    from gasfield.gas import Gas
    from gasfield.hindcasting import hindcast
    from gasfield.importing import audit, import_recording
    from gasfield.inspection import inspect
    from gasfield.learning.fit import fit
    from gasfield.learning.forecasting import forecast
    from gasfield.pages import view
    from gasfield.playing.notebook import play
    from gasfield.plugins import run_plugin
    from gasfield.recording import Recorder
    from gasfield.registry import register
    from gasfield.reporting import report
    from gasfield.row_tables import rows
    from gasfield.runs.run import resume, run
    from gasfield.sampling.sample import sample
    from gasfield.sampling.sequences.thermodynamics import sequence_thermodynamics
    from gasfield.sampling.thermodynamics.thermo import thermo
    from gasfield.scenario import Scenario, load_scenario
    from gasfield.simulation import Simulation
    from gasfield.sweeps import open_sweep, sweep
    from gasfield.tracing import open_trace
    from gasfield.tracing.tracing import trace
    from gasfield.trajectory import Trajectory
    from gasfield.trajectory import open_trajectory as open

_HOME = {
    "BlowUp": ("errors", "BlowUp"),
    "Gas": ("gas", "Gas"),
    "InputError": ("errors", "InputError"),
    "Recorder": ("recording", "Recorder"),
    "Scenario": ("scenario", "Scenario"),
    "Simulation": ("simulation", "Simulation"),
    "Trajectory": ("trajectory", "Trajectory"),
    "audit": ("importing", "audit"),
    "calibrate": ("cost.calibration", "calibrate"),
    "compare": ("comparison", "compare"),
    "diagnose": ("diagnostics", "diagnose"),
    "export": ("exporting", "export"),
    "fit": ("learning.fit", "fit"),
    "forecast": ("learning.forecasting", "forecast"),
    "free_energy_along_temperature": ("diagnostics.thermodynamics.free_energy", "free_energy_along_temperature"),
    "hindcast": ("hindcasting", "hindcast"),
    "import_recording": ("importing", "import_recording"),
    "inspect": ("inspection", "inspect"),
    "load_scenario": ("scenario", "load_scenario"),
    "open_sweep": ("sweeps", "open_sweep"),
    "open": ("trajectory", "open_trajectory"),
    "open_trace": ("tracing", "open_trace"),
    "register": ("registry", "register"),
    "report": ("reporting", "report"),
    "resume": ("runs", "resume"),
    "play": ("playing.notebook", "play"),
    "rows": ("row_tables", "rows"),
    "predict_cost": ("cost.cost", "predict_cost"),
    "run": ("runs", "run"),
    "run_plugin": ("plugins", "run_plugin"),
    "sample": ("sampling.sample", "sample"),
    "sequence_thermodynamics": ("sampling.sequences.thermodynamics", "sequence_thermodynamics"),
    "sweep": ("sweeps", "sweep"),
    "thermo": ("sampling.thermodynamics.thermo", "thermo"),
    "thermodynamic_integration": ("diagnostics.thermodynamics.free_energy", "thermodynamic_integration"),
    "trace": ("tracing.tracing", "trace"),
    "view": ("pages", "view"),
}

__all__ = [
    "BlowUp",
    "Gas",
    "InputError",
    "Recorder",
    "Scenario",
    "Simulation",
    "Trajectory",
    "__version__",
    "audit",
    "calibrate",
    "compare",
    "diagnose",
    "export",
    "fit",
    "forecast",
    "free_energy_along_temperature",
    "hindcast",
    "import_recording",
    "inspect",
    "load_scenario",
    "open",
    "open_sweep",
    "open_trace",
    "play",
    "predict_cost",
    "register",
    "report",
    "resume",
    "rows",
    "run",
    "run_plugin",
    "sample",
    "sequence_thermodynamics",
    "sweep",
    "thermo",
    "thermodynamic_integration",
    "trace",
    "view",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gasfield' has no attribute '{name}'")
    module, attribute = _HOME[name]
    return getattr(import_module(f"gasfield.{module}"), attribute)


def __dir__() -> list[str]:
    return __all__
