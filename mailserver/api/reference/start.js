// Shows the document that this server describes itself with; nothing is fetched from another host.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#reference", deepLinking: true, validatorUrl: null });
