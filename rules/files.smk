# Before the configuration is read: where the code lies, and the line in which a file of the configuration is no YAML,
# which Snakemake does not say.
import sys
from pathlib import Path

# The checkout, which need not be the working folder, and the working folder, where a user's own modules lie.
CHECKOUT = Path(str(workflow.current_basedir)).parent
sys.path[:0] = [str(CHECKOUT), str(Path.cwd())]

from workflow_scripts.config.yaml_files import load_yaml

FILES = workflow.config_settings.configfiles or [Path("config.yaml")]
# A workflow that takes this one as a module hands over a configuration of its own.
for file in [] if workflow.modifier.skip_configfile else map(Path, FILES):
    try:
        if file.exists():
            load_yaml(file)
    except ValueError as error:
        raise WorkflowError(f"{file}, {error}") from None
