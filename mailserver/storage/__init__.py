"""The disk: journal, files, tables and their queries. Synchronous; reached only through Database."""
