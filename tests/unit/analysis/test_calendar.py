from types import SimpleNamespace

from workflow_scripts.analysis.report.calendar import calendar_section


def window(*runs):
    """A window of runs of days, as a fold's description has it."""
    told = [{"first_day": first, "last_day": last, "days": 9} for first, last in runs]
    return {"days": 9, "first_day": runs[0][0], "last_day": runs[-1][1], "runs": told}


def test_a_combinatorial_fold_trains_between_its_validation_days():
    fold = {
        "train": window(("2001-07-12", "2002-02-12")),
        "validation": window(("2000-03-28", "2001-04-17"), ("2002-05-09", "2003-05-30")),
    }
    section = calendar_section(SimpleNamespace(folds=[fold], sealed={}, lock={}))
    drawn = {trace["name"]: trace["x"] for trace in section.blocks[0].data}
    assert drawn["training"] == ["2001-07-12", "2002-02-12", None]
    assert drawn["validation"] == ["2000-03-28", "2001-04-17", None, "2002-05-09", "2003-05-30", None]
    assert drawn["purged"] == ["2001-04-17", "2001-07-12", None, "2002-02-12", "2002-05-09", None]
