"""Lines of one statement get one template, whatever system wrote them, and nothing a line holds does harm."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.logs import Miner
from detectors.logs.masking import VALUE, mask, mask_word
from detectors.logs.templates import FEW_WORDS, LINE_LENGTH, MOST_ALIKE

# One statement a row: lines made up in the style of the systems named.
SAME = {
    "BGL, memory error": ["CE sym 2, at 0x0b85eee0, mask 0x05", "CE sym 17, at 0x04b40e60, mask 0x80"],
    "BGL, registers": [
        "lr:00106570 cr:24000422 xer:20000002 ctr:00000000",
        "lr:0010b668 cr:2400ffff xer:00000000 ctr:ffffffff",
    ],
    "BGL, leaders": ["fp cr field .............0", "fp cr field .............7"],
    "BGL, core": ["generating core.2275", "generating core.862"],
    "Hadoop, progress": [
        "Progress of TaskAttempt attempt_1445062781478_0011_m_000001_0 is : 0.1795899",
        "Progress of TaskAttempt attempt_1445062781478_0011_m_000004_0 is : 1.0",
    ],
    "Hadoop, addresses": [
        "Address change detected. Old: node-sa-41/10.1.2.3:9000 New: node-sa-41:9000",
        "Address change detected. Old: node-sa-41:8030 New: node-sa-41/10.1.2.4:8030",
    ],
    "Hadoop, classes": [
        "Registering class org.example.mapreduce.job.TaskEventType for class org.example.app.Master$TaskDispatcher",
        "Registering class org.example.mapreduce.jobhistory.EventType for class org.example.jobhistory.Handler",
    ],
    "Hadoop, a list": [
        "Error Recovery in pipeline 10.1.2.3:50010, 10.1.2.4:50010: bad datanode 10.1.2.3:50010",
        "Error Recovery in pipeline 10.1.2.4:50010: bad datanode 10.1.2.4:50010",
    ],
    "HealthApp": [
        "getTodayTotalDetailSteps = 1514038440000##6993##548365##8661",
        "getTodayTotalDetailSteps = 1514038560000##7013##548365##12361##27189477",
    ],
    "HealthApp, report": ["REPORT : 7007 5002 150089 240", "REPORT : 7011 5006 150090 270"],
    "Mac": [
        "ARPT: 620701.011328: AirPort_Brcm43xx::syncPowerState: WWEN[enabled]",
        "ARPT: 621131.293163: AirPort_Brcm43xx::syncPowerState: WWEN[enabled]",
    ],
    "Mac, durations": ["PM response took 1999 ms (54, powerd)", "PM response took 28 ms (57, powerd)"],
    "OpenSSH, accounts": [
        "Failed password for root from 10.9.8.7 port 38926 ssh2",
        "Failed password for backup from 10.9.8.6 port 22 ssh2",
    ],
    "OpenSSH, names": [
        "reverse mapping checking getaddrinfo for ns.example.com [10.9.8.7] failed - POSSIBLE BREAK-IN ATTEMPT!",
        "reverse mapping checking getaddrinfo for example.com [10.9.8.6] failed - POSSIBLE BREAK-IN ATTEMPT!",
    ],
    "Spark, sizes": [
        "Block broadcast_1_piece0 stored as bytes in memory (estimated size 5.3 KB, free 22.4 KB)",
        "Block broadcast_12_piece0 stored as bytes in memory (estimated size 936.0 B, free 1.2 GB)",
    ],
    "Spark, split": [
        "Input split: hdfs://10.1.1.1:9000/logs/a.log:7292+7292",
        "Input split: hdfs://10.1.1.1:9000/logs/b:0+1",
    ],
    "Thunderbird, hardware addresses": [
        "DHCPDISCOVER from 00:11:43:e3:ba:c3 via eth1",
        "DHCPDISCOVER from fe:ed:fa:ce:be:ef via eth1",
    ],
    "Thunderbird, jobs": ["(root) CMD (run-parts /etc/cron.hourly)", "(root) CMD (run-parts /etc/cron.d/a)"],
    "Thunderbird, dates": [
        "connection from 10.1.2.3 () at Sun Jul 10 03:55:15 2005",
        "connection from 10.1.2.4 (host.example.org) at Wed Nov 9 12:01:01 2005",
    ],
    "Zookeeper": [
        "Established session 0x14f05578bd80013 with negotiated timeout 10000 for client /10.1.1.9:57456",
        "Established session 0x14f05578bd8000f with negotiated timeout 4000 for client /10.1.1.8:40",
    ],
    "Zookeeper, elections": [
        "Cannot open channel to 2 at election address master-2/10.1.1.2:3888",
        "Cannot open channel to 3 at election address /10.1.1.3:3888",
    ],
    "a request": [
        '10.1.1.1 "GET /v2/54fadb412c4e40cd/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.2477829',
        '10.1.1.1 "GET /v2/e9746973ac574c6b/servers?since=2017-05-16T05%3A54 HTTP/1.1" status: 404 len: 7 time: 1.0',
    ],
    "identifiers": [
        "[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Instance spawned successfully.",
        "[instance: abcdefab-cdef-4abc-8def-abcdefabcdef] Instance spawned successfully.",
    ],
    "IPv6": ["accepted from fe80::215:5dff:fe00:1 today", "accepted from ::1 today"],
}
# Statements that differ in a word that says what happened.
DIFFERENT = {
    "states": ["attempt_14_0 Transitioned from NEW to ASSIGNED", "attempt_14_0 Transitioned from RUNNING to DONE"],
    "protocols": ["10.1.1.1:80 open through proxy 10.1.1.2:5 SOCKS5", "10.1.1.1:80 open through proxy 10.1.1.2:5 TLS"],
    "interfaces": ["node-7 lost the network via alt0", "node-7 lost the network via ee0"],
    "actions": ["onReceive action: org.example.action.SCREEN_ON", "onReceive action: org.example.action.SCREEN_OFF"],
    "keys": ["Server environment:java.class.path=/a/b/c", "Server environment:java.io.tmpdir=/tmp"],
    "flags": ["makeInvisible: mVisible=true", "makeInvisible: mVisible=false"],
    "outcomes": ["Error loading /p/gb/1: Exec format error", "Error loading /p/gb/1: No such file or directory"],
    "messages": ['level=info ts=1 msg="compaction done"', 'level=info ts=1 msg="compaction begun"'],
    "verbs": ['10.1.1.1 "GET /v2/a/b HTTP/1.1" status: 200', '10.1.1.1 "DELETE /v2/a/b HTTP/1.1" status: 200'],
    "too little in common": ["exiting 3", "exiting normally"],
}  # fmt: skip
WORDS = ["red", "green", "blue", "black", "white", "grey", "pink"]


def ids(lines: list[str], miner: Miner | None = None) -> list[int]:
    miner = miner or Miner()
    given = [miner.add(line) for line in lines]
    return [miner.current(template) for template in given]


@pytest.mark.parametrize("name", SAME)
def test_lines_of_one_statement_are_one_template(name: str) -> None:
    assert len(set(ids(SAME[name]))) == 1


@pytest.mark.parametrize("name", DIFFERENT)
def test_lines_of_two_statements_are_two_templates(name: str) -> None:
    assert len(set(ids(DIFFERENT[name]))) == len(DIFFERENT[name])


def test_all_statements_together_keep_apart() -> None:
    lines = [line for statement in SAME.values() for line in statement]
    truth = [name for name, statement in SAME.items() for _ in statement]
    assert len(set(ids(lines))) == len(set(zip(ids(lines), truth, strict=True))) == len(SAME)


def test_the_order_of_lines_makes_no_difference_to_the_groups() -> None:
    lines = [line for statement in [*SAME.values(), *DIFFERENT.values()] for line in statement]
    lines += [f"queue {word} was drained at once" for word in WORDS]
    shuffled = Random(5).sample(range(len(lines)), len(lines))
    found = ids([lines[at] for at in shuffled])
    back = dict(zip(shuffled, found, strict=True))
    straight = ids(lines)
    pairs = {(straight[at], back[at]) for at in range(len(lines))}
    assert len(pairs) == len(set(straight)) == len(set(found))


def test_a_place_with_few_words_keeps_them_and_with_more_becomes_a_variable() -> None:
    miner = Miner()
    given = [miner.add(f"queue {word} was drained") for word in WORDS[:FEW_WORDS]]
    assert len(set(given)) == FEW_WORDS
    last = miner.add(f"queue {WORDS[FEW_WORDS]} was drained")
    assert {miner.current(template) for template in given} == {last} == {min(given)}
    assert miner.add(f"queue {WORDS[FEW_WORDS + 1]} was drained") == last
    assert miner.text(given[-1]) == "queue <*> was drained"


def test_a_number_in_a_place_makes_it_a_variable_for_words_too() -> None:
    assert len(set(ids(["domain root is no longer served", "domain 10.0.0.1 is no longer served"]))) == 1
    assert len(set(ids(["domain 10.0.0.1 is no longer served", "domain root is no longer served"]))) == 1


def test_two_variable_places_come_together() -> None:
    users, hosts = ["ann", "bob", "cyd", "dan", "eve", "fay", "gus"], ["oak", "elm", "ash", "fir", "yew", "box", "bay"]
    assert len(set(ids([f"access by {user} to {host} was denied" for user in users for host in hosts]))) == 1


def test_the_learnt_survives_being_written_down() -> None:
    first = Miner()
    lines = [line for statement in SAME.values() for line in statement]
    lines += [f"queue {word} was drained" for word in WORDS]
    given = [first.add(line) for line in lines]
    second = Miner.from_state(json.loads(json.dumps(first.state())))
    assert [second.current(template) for template in given] == [first.current(template) for template in given]
    assert [second.add(line) for line in lines] == [first.add(line) for line in lines]
    assert second.add("something never said before") not in given


def test_templates_are_bounded_and_the_least_recently_seen_is_forgotten() -> None:
    miner = Miner(max_templates=20)
    alphabet = "abcdefghij"
    regular = miner.add("the heart beats as ever")
    for first in alphabet:
        for second in alphabet:
            miner.add(f"{first}{second}x came once and never again")
            assert miner.add("the heart beats as ever") == regular
            assert len(miner) <= 20
    assert miner.text(1 + regular) == ""


def test_templates_that_begin_alike_are_bounded_too() -> None:
    miner = Miner()
    letters = "abcdefghijklmnopqrst"
    for first in letters:
        for second in letters:
            miner.add(f"error {first}x {second}x {first}{second}x")
    assert len(miner) <= MOST_ALIKE


def test_merged_ids_are_forgotten_with_their_template() -> None:
    miner = Miner(max_templates=10)
    for word in WORDS:
        miner.add(f"queue {word} was drained")
    assert miner.became
    for first in "abcdefghijklmnopqrstuvw":
        miner.add(f"{first}x came once and never again")
    assert not miner.became


def test_a_line_of_a_megabyte_counts_by_its_beginning() -> None:
    miner = Miner()
    begin = "payload rejected by the gateway: "
    assert miner.add(begin + "lorem ipsum " * 90_000) == miner.add(begin + "lorem ipsum " * 100_000)
    assert len(miner.text(miner.add("x" * 1_000_000))) <= LINE_LENGTH
    assert len(miner.text(miner.add("17 " * 400_000))) <= LINE_LENGTH


@given(st.lists(st.text() | st.binary().map(lambda raw: raw.decode(errors="surrogateescape")), max_size=8))
def test_any_text_gets_a_template_and_the_same_one_again(lines: list[str]) -> None:
    miner = Miner()
    given = [miner.add(line) for line in lines]
    assert [miner.current(template) for template in given] == [miner.add(line) for line in lines]
    assert Miner.from_state(json.loads(json.dumps(miner.state()))).state() == miner.state()


def test_control_characters_are_no_values() -> None:
    assert VALUE not in Miner().text(Miner().add(f"a{VALUE}b\x00c"))
    assert len(set(ids([f"door {VALUE} was opened", "door \x00 was opened", "door was opened"]))) == 1


@given(st.text(st.sampled_from("ab.:/-_=[]( )\"'07 é@<#"), max_size=60))
def test_masking_sees_that_there_are_digits_but_not_which(line: str) -> None:
    assert mask(line) == mask(line.replace("7", "0"))


@given(st.text(max_size=40))
def test_masked_words_hold_no_digits(word: str) -> None:
    assert not any(character.isdecimal() for character in mask_word(word))
