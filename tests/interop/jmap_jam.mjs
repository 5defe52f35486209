// jmap-jam, unchanged, over its main paths; prints a word for each step that went well.
import JamClient from "jmap-jam";
import assert from "node:assert/strict";

const [sessionUrl, bearerToken] = process.argv.slice(2);
const jam = new JamClient({ sessionUrl, bearerToken });
const accountId = await jam.getPrimaryAccount();

const steps = {
  async mailboxes() {
    const [answer] = await jam.api.Mailbox.get({ accountId, ids: null });
    this.boxes = Object.fromEntries(answer.list.map((box) => [box.role, box.id]));
    assert.ok(this.boxes.inbox && this.boxes.drafts && this.boxes.sent);
  },
  async upload() {
    const answer = await jam.uploadBlob(accountId, "a file of jam\n");
    assert.equal(answer.size, 14);
    this.blobId = answer.blobId;
  },
  async draft() {
    const [answer] = await jam.api.Email.set({
      accountId,
      create: {
        d: {
          mailboxIds: { [this.boxes.drafts]: true },
          keywords: { $draft: true },
          from: [{ name: null, email: "agent@local.test" }],
          to: [{ name: "Me", email: "agent@local.test" }],
          subject: "Made with jam",
          bodyValues: { t: { value: "strawberry\n" } },
          textBody: [{ partId: "t", type: "text/plain" }],
          attachments: [{ blobId: this.blobId, type: "text/plain", name: "jam.txt" }],
        },
      },
    });
    this.emailId = answer.created.d.id;
  },
  async submit() {
    const [identities] = await jam.api.Identity.get({ accountId, ids: null });
    const [answer] = await jam.api.EmailSubmission.set({
      accountId,
      create: { s: { emailId: this.emailId, identityId: identities.list[0].id } },
      onSuccessUpdateEmail: { "#s": { mailboxIds: { [this.boxes.sent]: true }, "keywords/$draft": null } },
    });
    assert.ok(answer.created.s.id);
  },
  async together() {
    for (let round = 0; round < 600; round++) {
      const [{ emails }] = await jam.requestMany((t) => {
        const ids = t.Email.query({ accountId, filter: { inMailbox: this.boxes.inbox }, collapseThreads: true });
        const emails = t.Email.get({
          accountId,
          ids: ids.$ref("/ids"),
          properties: ["id", "subject", "attachments", "threadId", "bodyValues", "textBody"],
          fetchTextBodyValues: true,
        });
        return { ids, emails };
      });
      if (emails.list.length) {
        this.email = emails.list[0];
        break;
      }
      await new Promise((done) => setTimeout(done, 100));
    }
    assert.equal(this.email.subject, "Made with jam");
    assert.equal(this.email.bodyValues[this.email.textBody[0].partId].value, "strawberry\n");
  },
  async download() {
    const [file] = this.email.attachments;
    const answer = await jam.downloadBlob({
      accountId, blobId: file.blobId, mimeType: "text/plain", fileName: file.name,
    });
    assert.equal(await answer.text(), "a file of jam\n");
  },
  async search() {
    const [answer] = await jam.api.Email.query({ accountId, filter: { text: "strawberry" }, calculateTotal: true });
    assert.ok(answer.total >= 1);
    const [snippets] = await jam.api.SearchSnippet.get({
      accountId, filter: { text: "strawberry" }, emailIds: answer.ids,
    });
    assert.match(snippets.list[0].preview, /<mark>strawberry<\/mark>/);
  },
  async change() {
    const [before] = await jam.api.Email.get({ accountId, ids: [] });
    await jam.api.Email.set({ accountId, update: { [this.email.id]: { "keywords/$flagged": true } } });
    const [told] = await jam.api.Email.changes({ accountId, sinceState: before.state });
    assert.deepEqual(told.updated, [this.email.id]);
    const [threads] = await jam.api.Thread.get({ accountId, ids: [this.email.threadId] });
    assert.ok(threads.list[0].emailIds.includes(this.email.id));
  },
  async refuse() {
    await assert.rejects(() => jam.api.Mailbox.get({ accountId: "nobody", ids: null }));
  },
};

for (const [name, step] of Object.entries(steps)) {
  await step.call(steps);
  console.log(name);
}
process.exit(0);
