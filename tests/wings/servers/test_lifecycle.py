"""The table of process states, whole."""

import itertools

import pytest

from rookery.protocol.states import ProcessState as S
from rookery.wings.servers.lifecycle import Happened, Step, step

TABLE = {
    (S.OFFLINE, Happened.LAUNCHING): S.STARTING,
    (S.STARTING, Happened.READY): S.RUNNING,
    (S.STARTING, Happened.STOP_SENT): S.STOPPING,
    (S.RUNNING, Happened.STOP_SENT): S.STOPPING,
    (S.STARTING, Happened.KILLED): S.STOPPING,
    (S.RUNNING, Happened.KILLED): S.STOPPING,
}


@pytest.mark.parametrize(("state", "happened"), list(itertools.product(S, Happened)))
def test_each_state_answers_each_event_as_the_table_says(state: S, happened: Happened) -> None:
    wanted = TABLE.get((state, happened), state)
    if happened in (Happened.EXITED, Happened.NOT_STARTED):
        wanted = S.OFFLINE
    if happened is Happened.ADOPTED:
        wanted = S.RUNNING
    result = step(state, happened)
    assert result.state is wanted
    assert result.changed == (wanted is not state)


@pytest.mark.parametrize(
    ("state", "crashed"), [(S.STARTING, True), (S.RUNNING, True), (S.STOPPING, False), (S.OFFLINE, False)]
)
def test_an_end_is_a_crash_only_when_nobody_asked_for_it(state: S, crashed: bool) -> None:
    assert step(state, Happened.EXITED).crashed is crashed


def test_a_ready_line_of_a_stopping_server_does_not_bring_it_back() -> None:
    assert step(S.STOPPING, Happened.READY) == Step(S.STOPPING)
