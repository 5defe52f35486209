"""What people and agents keep beside mail: labels, contacts, calendars, tasks, and what has happened with whom."""
