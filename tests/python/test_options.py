# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Every option of a run is documented, is checked against the oracle, and names the nearest valid value when refused."""

from __future__ import annotations

import importlib.util
import inspect
import json
import pathlib
import urllib.parse

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile import _core
from fractile.remote import RemoteService
from fractile.run_options import parse_config
from oracle.markets import make_panel, make_signal
from test_equivalence import VALUES

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTIONS = {option["name"]: option for option in _core.options()}
CHOICES = [(name, choice) for name, option in OPTIONS.items() for choice in option["choices"]]
RANGES = [name for name, option in OPTIONS.items() if option["min"] < option["max"]]


def load(path: str):
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def refusal(options: dict) -> fractile.ConfigError:
    with pytest.raises(fractile.ConfigError) as caught:
        _core.parse_config(json.dumps(options))
    return caught.value


def test_the_page_is_current():
    page = (ROOT / "docs" / "options.md").read_text()
    assert load("tools/options_page.py").render() == page, "run tools/options_page.py > docs/options.md"


def test_the_types_are_current():
    types = (ROOT / "python" / "fractile" / "option_types.py").read_text()
    assert load("tools/option_types.py").render() == types, "run tools/option_types.py > python/fractile/option_types.py"


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_documented(name):
    assert OPTIONS[name]["doc"].endswith(".")
    assert f"\n| `{name}` |" in (ROOT / "docs" / "options.md").read_text()
    assert f"    {name}: " in inspect.getdoc(fractile.BacktestService.run)


def test_pythons_run_has_the_options_and_their_defaults():
    parameters = dict(inspect.signature(fractile.BacktestService.run).parameters)
    for name in ("self", "signal", "study"):
        del parameters[name]
    assert set(parameters) == set(OPTIONS)
    for name, parameter in parameters.items():
        default = json.loads(OPTIONS[name]["default"])
        given = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        if name == "resid":
            assert (given, default) == (False, "off")
        else:
            assert given == default, name


def oracle_cases() -> list[dict]:
    oracle = load("tests/python/test_oracle.py")
    cases = [*oracle.CASES.values(), *({"input_type": kind} for kind in oracle.INPUT_TYPES)]
    return cases + [{name: value} for name, values in VALUES.items() for value in values]


def test_every_option_and_choice_is_in_a_case_of_the_oracle():
    cases = oracle_cases()
    for name, option in OPTIONS.items():
        given = [case[name] for case in cases if name in case]
        assert given, f"{name} is in no case of test_oracle.py or test_equivalence.py"
        default = json.loads(option["default"])
        if name != "lookahead":
            assert any(value != default for value in given), f"{name} is only tried at its default"
        seen = [entry for value in given for entry in (value if isinstance(value, (list, dict)) else [value])]
        seen = [json.dumps(entry) if isinstance(entry, bool) else entry for entry in seen]
        for choice in option["choices"]:
            assert choice in seen or choice == default, f"{name}={choice} is in no case"


@pytest.mark.parametrize("name", OPTIONS)
def test_a_misspelt_option_names_the_nearest(name):
    for misspelt in (name + "x", name[:-1] + "_" + name[-1], name.upper()[:1] + name[1:]):
        error = refusal({misspelt: None})
        assert error.code == "UNKNOWN_OPTION"
        assert f'found "{misspelt}". Did you mean "{name}"?' in str(error)


@pytest.mark.parametrize(("name", "choice"), CHOICES)
def test_a_misspelt_value_names_the_nearest(name, choice):
    misspelt = choice + "x"
    value = {"texts": [misspelt], "bps_map": {misspelt: 1}}.get(OPTIONS[name]["type"], misspelt)
    error = refusal({name: value})
    assert error.code == "INVALID_VALUE"
    assert f"expected {name}=" in str(error)
    assert f'Did you mean "{choice}"?' in str(error)


@pytest.mark.parametrize("name", RANGES)
def test_a_number_out_of_range_names_the_nearest(name):
    option = OPTIONS[name]
    for bad, nearest in ((option["min"] - 1, option["min"]), (option["max"] + 1, option["max"])):
        error = refusal({name: bad})
        assert error.code == "INVALID_VALUE"
        assert float(str(error).split("The nearest is ")[1].rstrip(".")) == nearest
    if option["type"] == "whole":
        assert f"The nearest is {option['min'] + 1:g}." in str(refusal({name: option["min"] + 0.75}))


@pytest.mark.parametrize("name", OPTIONS)
def test_a_value_of_another_kind_is_refused_with_a_way_out(name):
    error = refusal({name: [[]]})
    assert error.code == "INVALID_VALUE"
    assert f"expected {name}=" in str(error) and "found [[]]" in str(error)
    assert any(words in str(error) for words in ("The default is", "Write "))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fractile": [90, 10]}, "The nearest is [10, 90]."),
        ({"fractile": [0, 90]}, "The default is [10, 90]."),
        ({"tc_value": [-1, 0.4]}, "The nearest is [0, 0.4]."),
        ({"tc_level": {"big": -2}}, "The nearest is 0."),
        ({"universe": {"adv": {"mni": 1}}}, 'Did you mean "min"?'),
        ({"byvar_list": ["cap", "cap"]}, "Name it once."),
    ],
)
def test_a_refused_value_names_one_that_is_valid(options, words):
    error = refusal(options)
    assert error.code == "INVALID_VALUE" and words in str(error)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> fractile.BacktestService:
    root = tmp_path_factory.mktemp("options")
    fractile.create_snapshot("v1", make_panel(5, n_days=20), root=root)
    return fractile.BacktestService.get("v1", root=root)


@pytest.mark.parametrize(
    ("options", "option", "nearest"),
    [
        ({"byvar_list": ["contry"]}, "byvar_list", "country"),
        ({"sort_method": "double", "double_var": "scor"}, "double_var", "score"),
        ({"universe": {"close_ad": {"min": 5}}}, "universe", "close_adj"),
    ],
)
def test_a_misspelt_panel_column_names_the_nearest(service, options, option, nearest):
    with pytest.raises(fractile.ConfigError, match=f'needed for {option}.*Did you mean "{nearest}"') as caught:
        service.run(make_signal(make_panel(5, n_days=20), 5), **options)
    assert caught.value.code == "MISSING_PANEL_COLUMN"


def test_a_misspelt_signal_column_is_named(service):
    frame = pd.DataFrame({"security_id": [1], "date_sig": pd.to_datetime(["2020-01-06"]), "sig": [1.0]})
    with pytest.raises(fractile.SignalError, match=r'found security_id, date_sig, sig\b.*sigvar="sig"'):
        service.run(frame)


NUMPY_OPTIONS = (
    ({"lag": np.int64(1)}, {"lag": 1}),
    ({"fractile": np.array([20, 80])}, {"fractile": [20, 80]}),
    ({"fractile": pd.Series([20.0, 80.0])}, {"fractile": [20, 80]}),
    ({"byvar_list": pd.Index(["overall", "year"])}, {"byvar_list": ["overall", "year"]}),
    ({"universe": {"cap": {1, 2}}}, {"universe": {"cap": [1, 2]}}),
    ({"tc_level": {"big": np.float32(1.5)}}, {"tc_level": {"big": 1.5}}),
    ({"drift": np.bool_(True)}, {"drift": True}),
    ({"weight": np.str_("value")}, {"weight": "value"}),
)


@pytest.mark.parametrize(("options", "plain"), NUMPY_OPTIONS)
def test_numpy_and_pandas_values_are_the_same_in_process_and_for_a_server(options, plain, monkeypatch):
    sent = []
    monkeypatch.setattr(RemoteService, "_ask", lambda self, method, target, *rest: sent.append(target))
    remote = RemoteService("http://localhost:1")
    expected = parse_config(plain).to_json()
    assert parse_config(options).to_json() == expected
    with pytest.raises(TypeError):  # the answer of this server is None
        remote.run(pd.DataFrame({"security_id": [1], "date_sig": ["2020-01-06"], "signal": [1.0]}), **options)
    config = json.loads(urllib.parse.parse_qs(urllib.parse.urlsplit(sent[0]).query)["config"][0])
    assert parse_config(config).to_json() == expected


def test_a_nan_in_an_array_is_refused_by_the_name_of_its_option():
    with pytest.raises(fractile.ConfigError, match="fractile"):
        parse_config({"fractile": np.array([np.nan, 90.0])})
