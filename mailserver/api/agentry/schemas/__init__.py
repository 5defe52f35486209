"""Request and response shapes of the Agentry face, as documented."""
