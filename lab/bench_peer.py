"""Steps the simulators of other packages, in an environment of their own: a script that their Python runs.

It imports nothing of the lab. It says in a line of JSON which simulators are installed, see `installed`, and then
answers each line of JSON, the arguments of `stepping`, with the seconds that the steps took.
"""

import json
import os
import sys
import time
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module, metadata

import gymnasium as gym
import numpy as np


class GymPushT:
    """Its actions are targets on the table, and its observation is the picture, if one is wanted."""

    task, package, module = "push_t", "gym-pusht", "gym_pusht"
    any_size = True  # of its pictures

    def make(self, size):
        kind = {"obs_type": "pixels", "observation_width": size, "observation_height": size} if size else {}
        return gym.make("gym_pusht/PushT-v0", **kind)

    def start(self, state):
        return {"reset_to_state": state[:5]}

    def action(self, state, action):
        return np.clip(state[:2] + 100 * action, 0, 512)

    def draw(self, env):
        """Its step has drawn the picture."""


class Swm:
    """An environment of stable-worldmodel, which draws when asked."""

    package, module = "stable-worldmodel", "stable_worldmodel"
    any_size = True

    def draw(self, env):
        env.render()


class SwmPushT(Swm):
    task = "push_t"

    def make(self, size):
        return gym.make("swm/PushT-v1", resolution=size or 64)

    def start(self, state):
        return {"state": state}

    def action(self, state, action):
        return action


class SwmTwoRoom(Swm):
    """The same two rooms, 3.5 times as large."""

    task = "wall"
    any_size = False  # it draws 224 pixels a side, whatever is wanted

    def make(self, size):
        return gym.make("swm/TwoRoom-v1")

    def start(self, state):
        return {"state": 3.5 * state, "target_state": 3.5 * state}

    def action(self, state, action):
        return action


PEERS = {f"{peer.task} {peer.package}": peer for peer in (GymPushT(), SwmPushT(), SwmTwoRoom())}


def installed():
    """[task, name, any_size] of each simulator that is there, with the version of its package."""
    found = []
    for peer in PEERS.values():
        try:
            import_module(peer.module)
        except ImportError:
            continue
        found.append([peer.task, f"{peer.package} {metadata.version(peer.package)}", peer.any_size])
    return found


@cache
def environment(name, size):
    return PEERS[name].make(size).unwrapped


def stepping(task, name, states, actions, size):
    """Seconds of the steps from the first of ``states`` (n, T + 1, S) by ``actions`` (n, T, A).

    ``name`` is as `installed` has it; with a ``size`` each state is drawn, at so many pixels a side where that can be
    chosen. A reset takes no time.
    """
    name = f"{task} {name.split()[0]}"
    peer, env, seconds = PEERS[name], environment(name, size), 0.0
    for before, plan in zip(np.array(states), np.array(actions), strict=True):
        env.reset(seed=0, options=peer.start(before[0]))
        theirs = [peer.action(state, action) for state, action in zip(before[:-1], plan, strict=True)]
        started = time.perf_counter()
        for action in theirs:
            env.step(action)
            if size:
                peer.draw(env)
        seconds += time.perf_counter() - started
    return seconds


def main():
    answers = sys.stdout
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):  # packages greet on import
        print(json.dumps(installed()), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(stepping(**json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
