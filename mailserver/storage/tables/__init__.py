"""peewee tables: what the migrations made, as names for queries; never leave storage."""
