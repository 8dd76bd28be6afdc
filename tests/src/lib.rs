//! Whole-system tests of avouch with other people's implementations.
