"""The three steps of a run, one after the other, as the verbs take them."""

import logging

from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.judge import judge
from workflow_scripts.training.run.runs import Outputs, Run
from workflow_scripts.training.run.train import train
from workflow_scripts.training.run.write import write
from workflow_scripts.workflow.paths import FILES_OF_RUN as FILES


def whole_run(folder, trial, data, training, seed=0, last_attempt=True, parent=None, state=None):
    folder.mkdir(exist_ok=True)
    outputs = Outputs(**{name: folder / file for name, file in FILES.items()})
    run, log = Run.of(trial, data, seed, EnvironmentSettings(), training), logging.getLogger()
    trained = train(run, folder / "checkpoint.pt", log, last_attempt, parent)
    write(run, trained, judge(run, trained, log, last_attempt), outputs, log, state)
    return folder
