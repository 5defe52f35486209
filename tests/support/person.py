"""Somebody, or something, with a token, as the stories have them."""


class Person:
    """Asks with one client; every answer has to have the status that is expected."""

    def __init__(self, client):
        self.client = client

    async def ask(self, method, path, expected=200, **body):
        async with self.client.request(method, path, **({"json": body} if body else {})) as answer:
            content = await answer.text()
            assert answer.status == expected, (method, path, answer.status, content)
            return await answer.json() if content and "json" in answer.content_type else content

    async def get(self, path):
        return await self.ask("GET", path)

    async def post(self, path, expected=201, **body):
        return await self.ask("POST", path, expected, **body)
