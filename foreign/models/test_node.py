"""The SDKs for Node, against the same Farebox: `sdks.test.mjs` has the tests, of which this shows what they print."""

import json
import os
import pathlib
import subprocess


def test_the_sdks_for_node(sdks, farebox):
    rich = {"gateway": sdks.gateway, "rest": sdks.rest, "token": farebox.runner}
    account = farebox.told("account", "create", "--name", "Poor at Node")["id"]
    sdks.of(account)
    poor = {"gateway": sdks.gateway, "rest": sdks.rest, "token": farebox.token("run", account)}
    variables = {**os.environ, "FAREBOX_MODELS": json.dumps({**rich, "poor": poor})}
    directory = pathlib.Path(__file__).parent
    command = ["node", "--test", "--test-reporter=spec", "sdks.test.mjs"]
    ran = subprocess.run(command, cwd=directory, env=variables, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    print(ran.stdout)
