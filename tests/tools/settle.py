#!/usr/bin/env python3
"""Adds up a settlement's lines anew, with Python's exact decimals, and compares the sums that it states.

usage: settle.py TABLE.csv    prints the totals as JSON; fails where a stated sum is another
"""
import csv
import json
import sys
from decimal import Decimal, getcontext

getcontext().prec = 100
spent, received, contributed, total = {}, {}, {}, Decimal(0)
stated = []
with open(sys.argv[1], encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        if row["row"] != "entry":
            stated.append(row)
            continue
        assert len(row["run"]) == 32 and len(row["statement"]) == 64, row
        if row["amount"]:
            amount = Decimal(row["amount"])
            total += amount
            if amount:
                spent[row["party"]] = spent.get(row["party"], 0) + amount
                if row["payee"]:
                    received[row["payee"]] = received.get(row["payee"], 0) + amount
        if row["quantity"]:
            key = (row["party"], row["item"], row["unit"])
            contributed[key] = contributed.get(key, 0) + Decimal(row["quantity"])
found = {"contributed": 0, "received": 0, "spent": 0, "total": 0}
for row in stated:
    found[row["row"]] += 1
    if row["row"] == "contributed":
        assert Decimal(row["quantity"]) == contributed[row["party"], row["item"], row["unit"]], row
    elif row["row"] == "received":
        assert Decimal(row["amount"]) == received[row["payee"]], row
    elif row["row"] == "spent":
        assert Decimal(row["amount"]) == spent[row["party"]], row
    else:
        assert Decimal(row["amount"]) == total, row
assert found == {"contributed": len(contributed), "received": len(received), "spent": len(spent), "total": 1}, found
plain = lambda sums: {" ".join(key) if isinstance(key, tuple) else key: f"{value.normalize():f}" for key, value in sums.items()}
json.dump({"total": f"{total.normalize():f}", "spent": plain(spent), "received": plain(received), "contributed": plain(contributed)}, sys.stdout)
