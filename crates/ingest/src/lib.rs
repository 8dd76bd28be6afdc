//! Importers that turn the records of agent frameworks into avouch traces.
