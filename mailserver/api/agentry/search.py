"""Endpoint of the search page."""

from mailserver.api.agentry.schemas import search as shapes
from mailserver.api.agentry.searches import Searches
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import post


class SearchPage:
    """Messages by their words, wherever they lie."""

    def __init__(self, searching: Searches) -> None:
        self._searches = searching

    @post("/search", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ)
    async def search(self, caller: Caller, body: shapes.SearchAnywhere) -> shapes.FoundMessages:
        """Search messages by words in some inboxes and pods, or in all; junk, trash and the like are left out."""
        return await self._searches.anywhere(caller, body)
