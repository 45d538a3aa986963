"""Each agent does a task, the eight at once too; what each call was charged is what the sandbox's provider counted."""

import re

import guide
import pytest
import tasks
from conftest import Agent, Customer

AGENTS = list(tasks.TASKS)
# Credit in cents.
FOR_A_TASK, FOR_EIGHT_AT_ONCE = 200, 1_000

# What the call needs, and what there is.
REASON = re.compile(r"needs .*credit.* available|credit.* needs .* available", re.IGNORECASE)


def model_of(request):
    """The model of a request that the provider recorded: in the body, or in Gemini's path."""
    return request["body"].get("model") or request["path"].rpartition("/")[2].partition(":")[0]


class Provider:
    """What the provider is asked in this test."""

    def __init__(self, provider):
        self.control = provider.control
        self.control("requests", method="DELETE")
        self.control("faults/clear", {})

    def plays(self, heading, agent):
        """Has the provider play the agent's task in the conversations that are held in its directory."""
        self.plays_steps(agent, tasks.steps(heading, f"{agent.project}/hello.txt"))

    def plays_steps(self, agent, steps):
        fault = {"contains": str(agent.project), "times": 1000, "behaviour": {"steps": steps}}
        self.control("faults", fault)

    def answered(self):
        return [request for request in self.control("requests")["requests"] if request["usage"]]

    def costs(self):
        return sorted(tasks.nanos(model_of(request), request["usage"]) for request in self.answered())


@pytest.fixture
def plays(provider):
    return Provider(provider)


def is_charged_as_counted(customer, plays, bought):
    """Each call's charge is the sandbox's own count times the price, and nothing is held any more."""
    costs = plays.costs()
    charged = sorted(round(log["cost"] * 1_000_000_000) for log in customer.logs())
    assert charged == costs
    assert customer.balance() == bought * 10_000_000 - sum(costs)
    assert customer.billing("credit-balance")["held"] == 0


@pytest.mark.parametrize("heading", AGENTS)
def test_a_task_is_done(heading, farebox, plays, tmp_path):
    customer = Customer(farebox, 100_000)
    agent = Agent(heading, customer, tmp_path)
    plays.plays(heading, agent)
    run = agent.runs()
    assert run.status == 0, run.printed
    assert run.file() == tasks.CHANGED, run.printed
    assert len(plays.answered()) >= 3
    is_charged_as_counted(customer, plays, 100_000)


def test_eight_at_once_are_all_answered(farebox, plays, tmp_path):
    customer = Customer(farebox, 100_000)
    models = ["opus", "sonnet"] * 4
    agents = [
        Agent("Claude Code", customer, tmp_path / str(number), f" --model {model}")
        for number, model in enumerate(models)
    ]
    for agent in agents:
        plays.plays("Claude Code", agent)
    running = [agent.starts() for agent in agents]
    runs = [agent.ends(process) for agent, process in zip(agents, running)]
    for run in runs:
        assert run.status == 0, run.printed
        assert run.file() == tasks.CHANGED, run.printed
    assert {model_of(request) for request in plays.answered()} == {"claude-opus-4-8", "claude-sonnet-5"}
    is_charged_as_counted(customer, plays, 100_000)


def test_a_search_of_the_providers_own_is_charged_too(farebox, plays, tmp_path):
    """Claude Code's WebSearch is a call of its own, in which Anthropic searches."""
    customer = Customer(farebox, FOR_A_TASK)
    agent = Agent("Claude Code", customer, tmp_path, " --allowedTools WebSearch")
    searches = {"web_searches": 2, "text": "There are two pages."}
    plays.control("faults", {"contains": "web_search_20", "times": 9, "behaviour": searches})
    plays.plays_steps(agent, [{"calls": [tasks.call("WebSearch", query="prepaid gateways")]}, {"calls": []}])
    run = agent.runs()
    assert run.status == 0, run.printed
    assert [request["usage"]["web_searches"] for request in plays.answered()] == [0, 2, 0]
    is_charged_as_counted(customer, plays, FOR_A_TASK)


@pytest.mark.parametrize("heading", AGENTS)
def test_without_credit_the_agent_shows_the_reason(heading, farebox, plays, tmp_path):
    customer = Customer(farebox, 0)
    run = Agent(heading, customer, tmp_path).runs()
    assert run.status != 0
    assert REASON.search(run.printed), run.printed
    assert plays.answered() == []


def test_the_request_of_other_clients_is_answered(farebox, plays, tmp_path):
    customer = Customer(farebox, 100_000)
    run = Agent("Cursor and other OpenAI-compatible clients", customer, tmp_path).runs()
    assert run.status == 0 and "The prompt has 1 words." in run.printed, run.printed
    is_charged_as_counted(customer, plays, 100_000)


def test_every_section_of_the_page_is_run():
    assert set(guide.sections()) == {*AGENTS, "Cursor and other OpenAI-compatible clients"}
