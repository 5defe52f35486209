"""Endpoints of the templates page."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import templates as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.template import Template
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services
from mailserver.services.team.templates import Wording

PEOPLE = frozenset({Credential.SESSION})


class TemplatesPage:
    """Texts that the team writes again and again. Owners change them; everybody lists and fills them in."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/templates/", scope=Scope.EMAIL_READ)
    async def list_templates(self, caller: Caller) -> list[shapes.TemplateShown]:
        """List the templates of the tenant, oldest first."""
        return [_shown(each) for each in await self._services.team.templates.all(caller)]

    @post("/templates/", scope=Scope.EMAIL_WRITE, credentials=PEOPLE, status=201, repeatable=True)
    async def create_template(self, caller: Caller, body: shapes.CreateTemplate) -> shapes.TemplateShown:
        """Make a template."""
        return _shown(await self._services.team.templates.create(caller, _wording(body)))

    @get("/templates/{template_id}/", scope=Scope.EMAIL_READ)
    async def get_template(self, caller: Caller, template_id: str) -> shapes.TemplateShown:
        """Get a template."""
        return _shown(await self._services.team.templates.get(caller, template_id))

    @patch("/templates/{template_id}/", scope=Scope.EMAIL_WRITE, credentials=PEOPLE)
    async def change_template(
        self, caller: Caller, template_id: str, body: shapes.ChangeTemplate
    ) -> shapes.TemplateShown:
        """Change a template."""
        return _shown(await self._services.team.templates.change(caller, template_id, _wording(body)))

    @delete("/templates/{template_id}/", scope=Scope.EMAIL_WRITE, credentials=PEOPLE, status=204)
    async def delete_template(self, caller: Caller, template_id: str) -> None:
        """Delete a template."""
        await self._services.team.templates.remove(caller, template_id)

    @post("/templates/{template_id}/", scope=Scope.EMAIL_READ)
    async def render_template(
        self, caller: Caller, template_id: str, body: shapes.RenderTemplate
    ) -> shapes.TemplateFilled:
        """Fill a template in. A place that the context has no value for stays as it is."""
        filled = await self._services.team.templates.render(caller, template_id, body.context)
        return shapes.TemplateFilled(subject=filled.subject, body=filled.body)


def _wording(body: shapes.CreateTemplate) -> Wording:
    variables = tuple(body.variables) if body.variables is not None else None
    return Wording(body.name, body.subject, body.body, variables)


def _shown(one: Template) -> shapes.TemplateShown:
    return shapes.TemplateShown(
        template_id=identifiers.encode(Kind.TEMPLATE, one.id),
        name=one.name,
        subject=one.subject,
        body=one.body,
        variables=list(one.variables),
        created_by=identifiers.encode(Kind.USER, one.created_by) if one.created_by is not None else None,
        created_at=times.write(one.created_at, None),
        updated_at=times.write(one.updated_at, None),
    )
