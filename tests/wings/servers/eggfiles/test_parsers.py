"""Each kind of settings file before and after its rules; the examples are those of the original daemon."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rookery.wings.servers.eggfiles import formats, ini, plain, properties, xml
from rookery.wings.servers.eggfiles.rules import Rule, UnreadableFile


def rules(*pairs: tuple[Any, ...]) -> list[Rule]:
    return [Rule(*pair) for pair in pairs]


# file


@pytest.mark.parametrize(
    ("text", "changes", "after"),
    [
        (
            "# o\nset port 1\n  set port 2\nlast",
            [("set port ", "set port 7777"), ("absent", "x")],
            "# o\nset port 7777\n  set port 2\nlast\n",
        ),
        ("one 1\r\ntwo 2\r\n", [("one", "one 9")], "one 9\ntwo 2\n"),
        ("ab=1\n", [("a", "X"), ("ab", "Y")], "XY\n"),
        ("", [("a", "X")], ""),
        ("a\n\nb\n", [], "a\n\nb\n"),
        ("x" * 70_000 + "\nport 1\n", [("port", "port 2")], "x" * 70_000 + "\nport 2\n"),
    ],
)
def test_file_replaces_whole_lines_by_their_beginning(text: str, changes: list[tuple[str, Any]], after: str) -> None:
    assert plain.edit(text, rules(*changes)) == after


@given(st.lists(st.text(st.characters(exclude_characters="\r\n"))))
def test_file_without_matching_lines_stays_as_it_is(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    assert plain.edit(text, rules(("\0never", "x"))) == text


# properties

BEFORE = """# My server
#edited by hand

server-port=25565
# a note
motd=Grüße
level-name = isle
query.port=1
"""


def test_properties_keep_the_head_the_order_and_write_ascii() -> None:
    changes = rules(
        ("server-port", "26000"),
        ("motd", "x", "other"),
        ("level-name", "atoll", "isle"),
        ("rcon.port", "6", "5"),
        ("server-ip", "0.0.0.0"),
        ("online-mode", True),
        ("note", 'say "hi"'),
    )
    assert properties.edit(BEFORE, changes) == (
        "# My server\n#edited by hand\n\nserver-port=26000\nmotd=Gr\\u00fc\\u00dfe\nlevel-name=atoll\nquery.port=1\n"
        'server-ip=0.0.0.0\nonline-mode=true\nnote=say \\"hi\\"\n'
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("k=a\\\n  b\n", "ab"),
        ("k : v\n", "v"),
        ("k v w\n", "v w"),
        ("k=\\u00e9\n", "\\u00e9"),
        ("! no\nk=1\n", "1"),
        ("k\n", ""),
    ],
)
def test_properties_are_read_as_java_reads_them(text: str, value: str) -> None:
    assert properties.edit(text, []).endswith(f"k={value}\n")


def test_properties_never_expand_variables_of_the_daemon() -> None:
    assert properties.edit("home=${HOME}\n", []) == "home=${HOME}\n"


@pytest.mark.parametrize("text", ["k=" + "x" * 70_000, "k=\\u12"])
def test_properties_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(UnreadableFile):
        properties.edit(text, rules(("a", "1")))


@given(st.text(max_size=200))
def test_a_property_that_was_set_stays_the_same_when_written_again(value: str) -> None:
    once = properties.edit("", rules(("key", value.lstrip(" "))))
    assert once.isascii()
    assert properties.edit(once, []) == once


# ini


def test_ini_is_aligned_and_makes_what_is_missing() -> None:
    changes = rules(
        ("Server.Port", "7777"),
        ("Server.MaxPlayers", 32),
        ("[/Script/Game.Mode].Speed", "2"),
        ("Loose", "yes"),
        ("Server.A.B", "c#d"),
    )
    assert ini.edit('; first\n[Server]\nPort=1\nName = "Old"\n', changes) == (
        "Loose = yes\n\n; first\n[Server]\nPort       = 7777\nName       = Old\nMaxPlayers = 32\nA.B        = `c#d`\n\n"
        "[/Script/Game.Mode]\nSpeed = 2\n"
    )


@pytest.mark.parametrize("text", ["[s]\nno delimiter\n", "[open\na=1\n"])
def test_ini_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UnreadableFile):
        ini.edit(text, rules(("s.a", "1")))


@given(st.text(max_size=100))
def test_an_ini_value_that_was_set_stays_the_same_when_written_again(value: str) -> None:
    value = " ".join(value.split())
    once = ini.edit("", rules(("s.key", value)))
    assert ini.edit(once, rules(("s.key", value))) == once


# json


def edited(document: str, *changes: tuple[Any, ...]) -> Any:
    return json.loads(formats.edit_json(document, rules(*changes)))


def test_json_example_of_the_original_with_conditions_as_eggs_mean_them() -> None:
    after = edited(
        '{"net":{"port":1,"host":"x"},"list":[{"id":1},{"id":2}],"w":{"m":1.0}}',
        ("net.port", "7777"),
        ("net.tls.enabled", True),
        ("list.*.zone", "eu"),
        ("list[1].id", "09"),
        ("note", None),
        ("net.host", "y", "x"),
        ("net.nohost", "y", "x"),
        ("new[0].a", "k"),
    )
    assert after == {
        "list": [{"id": 1, "zone": "eu"}, {"id": 9, "zone": "eu"}],
        "net": {"host": "y", "port": 7777, "tls": {"enabled": True}},
        "new": [{"a": "k"}],
        "note": "<nil>",
        "w": {"m": 1},
    }


def test_json_is_laid_out_as_servers_always_found_it() -> None:
    assert formats.edit_json('{"b":"<&>","a":[1]}', []) == (
        '{\n    "a": [\n        1\n    ],\n    "b": "\\u003c\\u0026\\u003e"\n}'
    )


@pytest.mark.parametrize(
    ("path", "document", "after"),
    [
        ("a~1b", "{}", {"a.b": "v"}),
        ("a.0.b", "{}", {"a": {"0": {"b": "v"}}}),
        ("a.0", '{"a":["x"]}', {"a": ["v"]}),
        ("a[0]", "{}", {"a": ["v"]}),
        ("a.*", '{"a":{"x":1,"y":null}}', {"a": {"x": "v", "y": None}}),
        ("a.*.b", '{"a":[{},null]}', {"a": [{"b": "v"}, None]}),
        ("a.*.b", "{}", {}),
    ],
)
def test_json_paths(path: str, document: str, after: Any) -> None:
    assert edited(document, (path, "v")) == after


@pytest.mark.parametrize(
    ("path", "document"),
    [("a.b", '{"a":1}'), ("a[2]", '{"a":[]}'), ("a.²", '{"a":[1]}'), ("a." + "9" * 5000, '{"a":[1]}')],
)
def test_json_paths_that_run_into_something_else_leave_the_file(path: str, document: str) -> None:
    with pytest.raises(UnreadableFile):
        formats.edit_json(document, rules((path, "v")))


@pytest.mark.parametrize(
    ("old", "condition", "value", "new"),
    [
        ("localhost:1", r"regex:^(127\.0\.0\.1|localhost)(:\d{1,5})?$", "172.18.0.1$2", "172.18.0.1:1"),
        ("10.0.0.9:2", r"regex:^(127\.0\.0\.1|localhost)(:\d{1,5})?$", "172.18.0.1$2", "10.0.0.9:2"),
        ("a", "regex:(", "x", "a"),
        ("x", "x", "5", 5),
        (1, "1", "2", 2),
        (True, "true", "no", "no"),
    ],
)
def test_conditions_need_the_present_value(old: Any, condition: str, value: str, new: Any) -> None:
    assert edited(json.dumps({"k": old}), ("k", value, condition)) == {"k": new}


def test_json_keeps_every_digit_of_long_numbers() -> None:
    assert edited('{"id":12345678901234567890}') == {"id": 12345678901234567890}


@pytest.mark.parametrize("text", ["", "nothing", "1", "[" * 100_000, '{"a":NaN}', '{"a":' * 300 + "1" + "}" * 300])
def test_json_that_cannot_be_edited_is_refused(text: str) -> None:
    with pytest.raises(UnreadableFile):
        formats.edit_json(text, rules(("other", "1")))


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abcd", min_size=1), TREES, max_size=4))
def test_json_and_yaml_keep_everything_no_rule_names(tree: dict[str, Any]) -> None:
    assert json.loads(formats.edit_json(json.dumps(tree), [])) == tree
    assert yaml.safe_load(formats.edit_yaml(yaml.safe_dump(tree), [])) == tree


# yaml


def test_yaml_example_of_the_original_with_long_numbers_kept() -> None:
    text = (
        "# cfg\nservers:\n  hub:\n    address: localhost:1\n    motd: 'Hi'\n  pvp:\n    address: 10.0.0.9:2\n"
        "port: 25577\nratio: 0.50\nbig: 1500000\nfree: yes\n"
    )
    changes = rules(
        ("port", "26000"),
        ("servers.*.address", "172.18.0.1$2", r"regex:^(127\.0\.0\.1|localhost)(:\d{1,5})?$"),
        ("listeners[0].host", "0.0.0.0:26000"),
        ("strict", "false"),
    )
    assert formats.edit_yaml(text, changes) == (
        'big: 1500000\nfree: "yes"\nlisteners:\n    - host: 0.0.0.0:26000\nport: 26000\nratio: 0.5\nservers:\n'
        '    hub:\n        address: 172.18.0.1:1\n        motd: Hi\n    pvp:\n        address: 10.0.0.9:2\nstrict: "false"\n'
    )


def test_yaml_times_of_day_are_no_numbers() -> None:
    assert yaml.safe_load(formats.edit_yaml("at: 12:30\non: 5\n", [])) == {"at": "12:30", "on": 5}


def test_an_empty_yaml_file_is_an_empty_mapping() -> None:
    assert formats.edit_yaml("", rules(("a.b", "1"))) == "a:\n    b: 1\n"


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text", ["- 1\n", "a: [", "a: &a [*a]\n", BOMB, "[" * 20_000, "a: !!python/object:os.system x\n"]
)
def test_hostile_or_broken_yaml_is_refused(text: str) -> None:
    with pytest.raises(UnreadableFile):
        formats.edit_yaml(text, rules(("other", "1")))


# xml


def test_xml_example_of_the_original() -> None:
    changes = rules(("Cfg.property[@name='Port']", "[value='7777']"), ("Cfg.Mode", "b"), ("Cfg.Net.Port", "5"))
    assert xml.edit('<Cfg><property name="Port" value="1"/><Mode>a</Mode></Cfg>', changes) == (
        '<Cfg>\n  <property name="Port" value="7777"/>\n  <Mode>b</Mode>\n  <Net>\n    <Port>5</Port>\n  </Net>\n</Cfg>\n'
    )


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("r.*", '<r>\n  <a k="1">v</a>\n  <a k="2">v</a>\n</r>\n'),
        ("r.a[2]", '<r>\n  <a k="1">x</a>\n  <a k="2">v</a>\n</r>\n'),
        ("r.a[@k='2']", '<r>\n  <a k="1">x</a>\n  <a k="2">v</a>\n</r>\n'),
        ("r.b[@k='3']", '<r>\n  <a k="1">x</a>\n  <a k="2">y</a>\n  <b k="3">v</b>\n</r>\n'),
        ("r.*.z", '<r>\n  <a k="1">x</a>\n  <a k="2">y</a>\n</r>\n'),
    ],
)  # fmt: skip
def test_xml_paths(path: str, after: str) -> None:
    assert xml.edit('<r><a k="1">x</a><a k="2">y</a></r>', rules((path, "v"))) == after


def test_an_empty_xml_file_gets_a_root_and_a_declaration() -> None:
    assert xml.edit("", rules(("a.b", "1"))) == ('<?xml version="1.0" encoding="utf-8"?>\n<a>\n  <b>1</b>\n</a>\n')


def test_xml_keeps_declaration_comments_and_document_type() -> None:
    text = '<?xml version="1.0"?>\n<!-- top -->\n<!DOCTYPE c SYSTEM "c.dtd">\n<c><!-- in --><a>1</a></c>\n'
    after = xml.edit(text, rules(("c.a", "2")))
    assert after.startswith('<?xml version="1.0"?>\n')
    assert "<!-- top -->" in after
    assert "<!-- in -->" in after
    assert '<!DOCTYPE c SYSTEM "c.dtd">' in after
    assert "<a>2</a>" in after


@pytest.mark.parametrize(
    "text",
    ["<a>", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "<a>" * 100_000, "plain"],
)
def test_hostile_or_broken_xml_is_refused(text: str) -> None:
    with pytest.raises(UnreadableFile):
        xml.edit(text, rules(("a", "1")))
