"""``/incident merge 12 into 9``"""

import re

from bot.errors import Refused
from bot.incidents import regroup
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("merge", args="12 into 9", help="make incident 12 part of incident 9", place=5)
async def merge(call: Call) -> str:
    numbers = re.fullmatch(r"#?(\d{1,12}) (?:into )?#?(\d{1,12})", " ".join(call.text.split()))
    if not numbers:
        raise Refused(f"Say which incident goes into which: `{call.example}`.")
    gone, kept = int(numbers[1]), int(numbers[2])
    merged = await regroup.merge_by_hand(call.database, gone, kept, call.who, call.now)
    return f"Incident #{numbers[1]} is part of #{merged.number} now; alerts like these will meet from now on."
