"""Request and response shapes of the Gent face, as documented."""
