#!/usr/bin/env python3
"""Prints the attribute names and GenAI operations that OpenTelemetry's own package of semantic conventions has, as JSON."""
import importlib
import json
import pkgutil
import sys

import opentelemetry.semconv._incubating.attributes as incubating
import opentelemetry.semconv.attributes as stable
from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GenAiOperationNameValues

names = set()
for package in (incubating, stable):
    for module in pkgutil.iter_modules(package.__path__):
        values = vars(importlib.import_module(f"{package.__name__}.{module.name}")).values()
        names |= {value for value in values if isinstance(value, str)}
json.dump({"names": sorted(names), "operations": [value.value for value in GenAiOperationNameValues]}, sys.stdout)
