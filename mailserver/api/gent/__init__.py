"""The Gent API, /v1: one file per page of its documentation."""
