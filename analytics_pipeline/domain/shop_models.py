"""The model of a shop as rows: one a model, with what it found and how far it erred.

Parameters and errors are JSON, whose numbers are rounded: digits beyond the tenth come
from the machine, not from the shop.  People are predicted from what the rows say.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pandas as pd

from analytics_pipeline.domain.holdouts import Holdout, SumError, join_errors
from analytics_pipeline.domain.prediction import (
    HORIZONS,
    OrderModel,
    PredictionNeeds,
    ShopModel,
)
from analytics_pipeline.domain.purchase_models import (
    SMALLEST_DIFFERENCE,
    SMALLEST_GRADIENT,
    VALUE_MODEL,
    FitQuality,
    OrderFit,
    OrderProcess,
    ValueFit,
)
from analytics_pipeline.model.checks import CheckResult

DIGITS = 10
"""To how many digits numbers are rounded."""

CHECK = "models_are_sound"


@dataclass(frozen=True, slots=True)
class _Values:
    """What is stored of the model of values."""

    fit: ValueFit
    correlation: float | None


# ----------------------------------------------------------------------------------
# From a model to rows, and back.


def list_models(model: ShopModel) -> pd.DataFrame:
    """Return a row a model: BG/NBD, MBG/NBD and Gamma-Gamma.

    They have ``model, fitted_on, people, is_used``; ``why_not``, why a model is not
    used, in sentences; ``fit``, its parameters and the quality of the fit; ``errors``,
    how far it was wrong on each holdout.  The last two are missing where the shop is
    too young or small to be fitted.
    """
    rows = [*_order_rows(model), _value_row(model)]
    shared = {"fitted_on": pd.Timestamp(model.fitted_on), "people": model.people}
    return pd.DataFrame([{**row, **shared} for row in rows])


def _order_rows(model: ShopModel) -> Iterator[dict[str, Any]]:
    tried = {each.process: each for each in model.order_models}
    for process in OrderProcess:
        each, is_used = tried.get(process), process is model.chosen
        reasons = each.reasons if each and each.reasons else model.reasons
        if not (is_used or reasons):
            reasons = (f"{model.chosen} predicted the orders of the past better.",)
        yield {
            "model": process.value,
            "is_used": is_used,
            "why_not": None if is_used else _say(reasons),
            "fit": each and _write(each.fit),
            "errors": each and _write(each.holdouts),
        }


def _value_row(model: ShopModel) -> dict[str, Any]:
    fit, is_used = model.value_fit, model.chosen is not None
    return {
        "model": VALUE_MODEL,
        "is_used": is_used,
        "why_not": None if is_used else _say(model.reasons),
        "fit": fit and _write(_Values(fit, model.value_correlation)),
        "errors": None,
    }


def _say(reasons: Sequence[str]) -> str:
    """Return *reasons* as one text; what is so today need not be said of the past."""
    return " ".join(
        each
        for each in reasons
        if not (each.startswith("As of ") and each.partition(": ")[2] in reasons)
    )


def read_model(rows: pd.DataFrame) -> ShopModel:
    """Return what people are predicted from, as *rows* of :func:`list_models` say.

    Models that are not used are left out.

    Raises:
        msgspec.ValidationError: what is said of a used model is something else.
    """
    by_name = {row["model"]: row for row in rows.to_dict("records")}
    value = by_name[VALUE_MODEL]
    fitted_on, people = value["fitted_on"].date(), int(value["people"])
    used = [name for name in OrderProcess if by_name[name]["is_used"]]
    if not used:
        reasons = (str(value["why_not"]),)
        return ShopModel(fitted_on, people, (), None, None, None, reasons)
    values = msgspec.json.decode(value["fit"], type=_Values)
    order_models = tuple(_read_order_model(by_name[name]) for name in used)
    return ShopModel(
        fitted_on, people, order_models, values.fit, values.correlation, used[0], ()
    )


def _read_order_model(row: Mapping[Hashable, Any]) -> OrderModel:
    return OrderModel(
        msgspec.json.decode(row["fit"], type=OrderFit),
        msgspec.json.decode(row["errors"], type=tuple[Holdout, ...]),
        (),
    )


def _write(found: Any) -> str:
    return msgspec.json.encode(_round(msgspec.to_builtins(found))).decode()


def _round(found: Any) -> Any:
    """Return what was *found* with all its floats rounded."""
    if isinstance(found, float):
        return float(f"{found:.{DIGITS}g}")
    if isinstance(found, dict):
        return {name: _round(each) for name, each in found.items()}
    if isinstance(found, list | tuple):
        return [_round(each) for each in found]
    return found


# ----------------------------------------------------------------------------------
# Whether what people are predicted from can be.


def check_models(rows: pd.DataFrame) -> CheckResult:
    """Make sure that a used model is at an optimum, and better than same again.

    It says so of what is stored, whatever the models were chosen by (rule 11.3).
    """
    model = read_model(rows)
    evidence: dict[str, int | str] = {
        "people": model.people,
        "fitted_on": str(model.fitted_on),
        "used": str(model.chosen or "none"),
    }
    faults = list(_list_faults(rows, model))
    if faults:
        return CheckResult(CHECK, False, " ".join(faults), evidence=evidence)
    said = (
        f"{model.chosen} and {VALUE_MODEL} are used, fitted on {model.fitted_on}."
        if model.chosen
        else f"Nothing is predicted. {model.reasons[0]}"
    )
    return CheckResult(CHECK, True, said, evidence=evidence)


def _list_faults(rows: pd.DataFrame, model: ShopModel) -> Iterator[str]:
    used, values = model.used, model.value_fit
    if used is None or values is None:
        if not rows["why_not"].notna().all():
            yield "Nothing is predicted, and nothing says why."
        return
    for name, quality in (
        (str(used.process), used.fit.quality),
        (VALUE_MODEL, values.quality),
    ):
        if not _is_optimum(quality):
            yield f"{name} is used, but its fit is at no optimum."
    if rows["is_used"].sum() != 2:
        yield "Other models are used than one of orders and one of values."
    least, days = PredictionNeeds().cutoffs, HORIZONS.days
    if sum(each.horizons.days == days for each in used.holdouts) < least:
        yield f"{used.process} is used, but was not tried on {least} times of the past."
    errors = used.holdouts
    for name, of_all in (
        ("orders", [(each.people, each.orders) for each in errors]),
        ("value", [(each.people, each.value) for each in errors]),
    ):
        if not _is_better(of_all):
            yield f"{used.process} is used, but same again predicts the {name} better."


def _is_optimum(quality: FitQuality) -> bool:
    return (
        quality.reason is None
        and quality.gradient_norm <= SMALLEST_GRADIENT
        and quality.start_difference <= SMALLEST_DIFFERENCE
    )


def _is_better(errors: Sequence[tuple[int, SumError]]) -> bool:
    """Say whether people were predicted better than by same again."""
    own = join_errors((people, error.rmse) for people, error in errors)
    return own < join_errors(
        (people, error.same_again_rmse) for people, error in errors
    )
