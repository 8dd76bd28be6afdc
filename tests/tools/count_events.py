#!/usr/bin/env python3
"""Counts the runs and events that docs/ingest.md says other people's files become, without avouch.

usage: count_events.py DATA_DIR    prints one JSON object: file -> list of events per run
"""
import glob
import json
import os
import sys

DATA = sys.argv[1]


def full(value):
    return value not in (None, "", [], {})


def lines(name):
    with open(name, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def blocks(content):
    return max(1, len(content)) if isinstance(content, list) else 1


def claude(name):
    return [2 + sum(blocks(r["message"]["content"]) if r["type"] in ("assistant", "user") else 1 for r in lines(name))]


def codex(name):
    # The first session_meta is the run-start itself; every other record is one event.
    return [2 + len(lines(name)) - 1]


def cursor(name):
    return [2 + sum(blocks(r["message"]["content"]) for r in lines(name))]


def gemini(name):
    events = 2
    with open(name, encoding="utf-8") as file:
        messages = json.load(file)["messages"]
    for message in messages:
        if message["type"] != "gemini":
            events += 1
            continue
        calls = message.get("toolCalls") or []
        ended = ("success", "error", "cancelled")
        results = [c for c in calls if full(c.get("result")) or c.get("status") in ended]
        thoughts = len(message.get("thoughts") or [])
        events += max(1, thoughts + full(message.get("content")) + len(calls) + len(results))
    return [events]


def opencode(name):
    with open(name, encoding="utf-8") as file:
        text = file.read()
    decoder, at, runs, waiting, last = json.JSONDecoder(), 0, {}, 0, None
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            break
        value, at = decoder.raw_decode(text, at)
        session, count = None, 1
        if isinstance(value, dict):
            is_session = "title" in value and "worktree" not in value
            session = value.get("sessionID") or (value["id"] if is_session else None)
            if value.get("type") == "tool" and value["state"]["status"] in ("completed", "error"):
                count = 2
        if session is None:
            waiting += count
            continue
        runs[session] = runs.get(session, 2) + count + waiting
        waiting, last = 0, session
    runs[last] += waiting
    return list(runs.values())


def tau_bench(name):
    runs = []
    with open(name, encoding="utf-8") as file:
        tasks = json.load(file)
    for task in tasks:
        events = 2
        for message in task["traj"]:
            said = len(message.get("tool_calls") or []) + full(message.get("content"))
            events += max(1, said) if message["role"] == "assistant" else 1
        runs.append(events)
    return runs


def swe_agent(name):
    with open(name, encoding="utf-8") as file:
        run = json.load(file)
    events = 2
    if "trajectory" not in run:
        for message in run["history"]:
            if message["role"] != "assistant" or message.get("is_demo"):
                events += 1
                continue
            calls = len(message.get("tool_calls") or []) or bool((message.get("action") or "").strip())
            said = bool((message.get("thought") or message.get("content") or "").strip())
            events += max(1, said + calls)
        return [events]
    for message in run["history"]:
        if message["role"] == "assistant" and not message.get("is_demo"):
            break
        events += 1
    for step in run["trajectory"]:
        thought, action = bool(step["thought"].strip()), bool(step["action"].strip())
        events += thought + 2 * action
        if not action:
            events += (not thought) + full(step["observation"])
    return [events]


def debate(name):
    with open(name, encoding="utf-8") as file:
        text = file.read().splitlines()
    claims = sum(": I claim the answer is " in line for line in text)
    turns = sum(set(line) == {"-"} and len(line) >= 20 for line in text) - 1
    # Start, context, question and end beside them.
    return [4 + claims + turns]


COUNTERS = {
    "sessions/claude*": claude,
    "sessions/codex*": codex,
    "sessions/cursor*": cursor,
    "sessions/gemini*": gemini,
    "sessions/opencode*": opencode,
    "tau-bench/*": tau_bench,
    "swe-agent/*": swe_agent,
    "debate/*": debate,
}

counts = {}
for pattern, count in COUNTERS.items():
    for name in sorted(glob.glob(os.path.join(DATA, pattern))):
        counts[os.path.relpath(name, DATA)] = count(name)
json.dump(counts, sys.stdout, indent=1)
