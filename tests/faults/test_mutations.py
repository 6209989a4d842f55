"""What real clients sent, changed at one place: refused or taken, never a fault of ours, and the server lives on."""
import copy
import json
import pathlib
import random
import re

import pytest
from test_arm import Arm

CAPTURES = sorted((pathlib.Path(__file__).resolve().parents[1] / "wire" / "captures").glob("*.http"))
SEED = 20231101
PER_BODY = 25
VALUES = [None, True, 0, -1, 1.5, 2**63, 1e308, "", "x" * 70000, "\0", "é\u202e\U0001F600", "../../etc", [], [[]], {}, {"": {}},
          "azureml://", "P" + "9" * 30 + "D", "{{}}", float("nan"), float("inf")]


def bodies():
    """(file, method, target, body) of every JSON body in the captures, each once."""
    seen = set()
    for path in CAPTURES:
        text = "\n".join(line for line in path.read_text().split("\n") if not line.startswith("# "))
        for part in re.split(r"(?m)^===$", text):
            head, _, body = re.split(r"(?m)^---$", part, maxsplit=1)[0].strip().partition("\n\n")
            method, target = head.split("\n")[0].split(" ")[:2]
            if body.strip()[:1] in ("{", "[") and target.startswith(("{{WS}}", "{{RG}}", "/")) and body not in seen:
                seen.add(body)
                yield path.name, method, target, json.loads(body)


def places(value, at=()):
    """Every path into a JSON value."""
    yield at
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*at, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from places(item, (*at, i))


def deep(value, levels):
    for _ in range(levels):
        value = {"a": value}
    return value


def mutate(body, dice):
    """One change at one place; the raw text."""
    where = dice.choice([p for p in places(body) if p] or [()])
    if not where:
        return json.dumps(dice.choice(VALUES))
    made = copy.deepcopy(body)
    holder = made
    for step in where[:-1]:
        holder = holder[step]
    last, old = where[-1], holder[where[-1]]
    kind = dice.randrange(7)
    if kind == 0:
        del holder[last]
    elif kind == 1:
        holder[last] = deep(old, dice.choice([1, 40, 600]))
    elif kind == 2:
        holder[last] = [old] * dice.choice([2, 3000])
    elif kind == 3 and isinstance(holder, dict):
        holder[str(last) + dice.choice(["\0", " ", "é", "s", "A" * 3000])] = holder.pop(last)
    elif kind == 4:       # the same member twice
        text = json.dumps(made)
        name = json.dumps(last) + ": "
        return text.replace(name, name + "1, " + name, 1) if isinstance(last, str) else text + text
    elif kind == 5:
        text = json.dumps(made)
        return text[:dice.randrange(len(text))] + dice.choice(["", "}", "\\ud800", "\x01"])
    else:
        holder[last] = dice.choice(VALUES)
    return json.dumps(made)


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


def filled(text, arm):
    group = arm.workspace.split("/providers/")[0]
    text = text.replace("{{WS}}", arm.workspace).replace("{{RG}}", group)
    return re.sub(r"\{\{\w+\}\}", "x1", text.replace("{{SUBSCRIPTION}}", group.split("/resourceGroups/")[0]))


def test_a_changed_body_is_no_fault_of_ours(server, arm):
    dice = random.Random(SEED)
    sent, taken, bad = 0, 0, []
    for name, method, target, body in bodies():
        if re.search(r"/workspaces/\w+\?|/registries/\w+\?", target):
            continue      # making and removing whole workspaces is slow, and tests/wire/workspace has its own
        for _ in range(PER_BODY):
            raw = filled(mutate(body, dice), arm)
            status, text = arm.send(method, filled(target, arm), raw.encode("utf-8", "surrogatepass"))
            sent += 1
            taken += status < 300
            if status >= 500 and status != 501:
                bad.append((name, method, target, raw[:400], status, text[:300]))
    assert sent > 1000 and taken > 50, (sent, taken)    # most changes are refused, but not because nothing works
    assert not bad, "\n".join(map(str, bad[:20]))
    assert server.process.poll() is None


def test_every_member_dropped_and_nulled_once(server, arm):
    """The bodies that make resources: each of their members is missing, null and of a wrong type in turn."""
    bad, seen = [], set()
    for name, method, target, body in bodies():
        kind = re.sub(r"/[^/?]+\?.*", "", target)
        if method != "PUT" or not target.startswith("{{WS}}/") or kind in seen:
            continue
        seen.add(kind)
        for where in [p for p in places(body) if p]:
            for change in ("drop", None, 7, ["x"]):
                made = copy.deepcopy(body)
                holder = made
                for step in where[:-1]:
                    holder = holder[step]
                if change == "drop":
                    del holder[where[-1]]
                else:
                    holder[where[-1]] = change
                status, text = arm.send("PUT", filled(target, arm), filled(json.dumps(made), arm).encode())
                if status >= 500 and status != 501:
                    bad.append((name, target, where, change, status, text[:300]))
                elif status >= 400:
                    assert json.loads(text)["error"]["message"], (target, where)
    assert len(seen) > 15
    assert not bad, "\n".join(map(str, bad[:20]))
    assert server.process.poll() is None
