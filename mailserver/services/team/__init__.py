"""What the people and agents of a tenant share: templates, lists, notes, threads and contacts."""
