"""The budgets of workspaces: one for each client of a tool, however many channels it opens."""

from weakref import WeakKeyDictionary

from bot.notify.budget.budget import Budget

_budgets: WeakKeyDictionary[object, Budget] = WeakKeyDictionary()


def give_budget(client: object, budget: Budget | None = None) -> Budget:
    """From now on the calls of this client go by a budget; by default one of its own."""
    return _budgets.setdefault(client, budget or Budget())


def budget_of(client: object) -> Budget | None:
    """None where its calls go by none."""
    return _budgets.get(client)
