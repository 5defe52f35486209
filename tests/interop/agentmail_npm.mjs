// The main paths of the npm client, unchanged: node agentmail_npm.mjs BASE KEY DOMAIN, beside an installed `agentmail`.
// Says each step that it finished, and ends with another code than 0 at the first that fails.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { setTimeout as wait } from "node:timers/promises";

const { AgentMailClient, AgentMailError } = createRequire(`${process.cwd()}/`)("agentmail");
const [base, apiKey, domain] = process.argv.slice(2);
const client = new AgentMailClient({ apiKey, baseUrl: base, maxRetries: 0, timeoutInSeconds: 60 });
const ARRIVAL_STEPS = 600;

async function arrived(inboxId, isWanted) {
  for (let step = 0; step < ARRIVAL_STEPS; step++) {
    const page = await client.inboxes.messages.list(inboxId, { labels: ["received"], limit: 50 });
    const found = page.messages.find(isWanted);
    if (found) return found;
    await wait(100);
  }
  throw new Error("nothing arrived");
}

async function all(list, rows) {
  const seen = [];
  let pageToken;
  do {
    const page = await list({ limit: 1, pageToken });
    assert.ok(page[rows].length <= 1);
    seen.push(...page[rows]);
    pageToken = page.nextPageToken;
  } while (pageToken);
  return seen;
}

const state = {};
const steps = {
  async inboxes() {
    const wanted = { username: "npm", domain, displayName: "Npm", clientId: "npm-1", metadata: { team: "a", size: 2 } };
    const made = await client.inboxes.create(wanted);
    const again = await client.inboxes.create(wanted);
    assert.equal(made.inboxId, `npm@${domain}`);
    assert.equal(made.displayName, "Npm");
    assert.deepEqual(made.metadata, { team: "a", size: 2 });
    assert.ok(made.createdAt instanceof Date);
    assert.deepEqual(again.createdAt, made.createdAt);
    const other = await client.inboxes.create({ username: "other", domain });
    assert.equal((await client.inboxes.get(made.inboxId)).email, made.email);
    const names = (await all((page) => client.inboxes.list(page), "inboxes")).map((each) => each.inboxId);
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.includes(made.inboxId) && names.includes(other.inboxId));
    assert.equal((await client.inboxes.update(other.inboxId, { displayName: "Other" })).displayName, "Other");
    Object.assign(state, { me: made.inboxId, other: other.inboxId });
  },

  async refusals() {
    await assert.rejects(client.inboxes.get(`nobody@${domain}`), (error) => {
      assert.ok(error instanceof AgentMailError);
      assert.equal(error.statusCode, 404);
      return true;
    });
    const stranger = new AgentMailClient({ apiKey: "am_nobody", baseUrl: base, maxRetries: 0 });
    await assert.rejects(stranger.inboxes.list(), (error) => [401, 403].includes(error.statusCode));
  },

  async sending() {
    const letter = {
      to: [state.other], subject: "The second crate", text: "It came.\n", html: "<p>It came.</p>", labels: ["mine"],
      attachments: [{ filename: "list.txt", contentType: "text/plain", content: Buffer.from("rope").toString("base64") }],
    };
    const sent = await client.inboxes.messages.send(state.me, letter, { idempotencyKey: "k-1" });
    const again = await client.inboxes.messages.send(state.me, letter, { idempotencyKey: "k-1" });
    assert.equal(again.messageId, sent.messageId);
    const kept = await client.inboxes.messages.get(state.me, sent.messageId);
    assert.ok(kept.labels.includes("sent") && kept.labels.includes("mine"));
    state.received = await arrived(state.other, (each) => each.subject === "The second crate");
    const shown = await client.inboxes.messages.get(state.other, state.received.messageId);
    assert.equal(shown.text.trim(), "It came.");
    assert.equal(shown.extractedText, "It came.");
    assert.deepEqual(shown.to, [state.other]);
    assert.ok(shown.timestamp instanceof Date && shown.size > 0);
    Object.assign(state, { shown, sent: sent.messageId });
  },

  async attachments() {
    const [attachment] = state.shown.attachments;
    assert.equal(attachment.filename, "list.txt");
    const link = await client.inboxes.messages.getAttachment(state.other, state.shown.messageId, attachment.attachmentId);
    assert.equal(await (await fetch(here(link.downloadUrl))).text(), "rope");
    const raw = await client.inboxes.messages.getRaw(state.other, state.shown.messageId);
    assert.match(await (await fetch(here(raw.downloadUrl))).text(), /^Subject: The second crate\r?$/m);
  },

  async labels() {
    const { messageId } = state.shown;
    const changed = await client.inboxes.messages.update(state.other, messageId, {
      addLabels: ["seen"], removeLabels: ["unread"],
    });
    assert.ok(changed.labels.includes("seen") && !changed.labels.includes("unread"));
    const found = await client.inboxes.messages.search(state.other, { q: "crate" });
    assert.equal(found.messages[0].messageId, messageId);
  },

  async replying() {
    const text = `Good.\n\nOn Mon, Nov 16, 2026 at 9:42 AM ${state.me} wrote:\n> It came.\n`;
    const reply = await client.inboxes.messages.reply(state.other, state.shown.messageId, { text });
    assert.equal(reply.threadId, state.shown.threadId);
    const back = await arrived(state.me, (each) => each.subject === "Re: The second crate");
    const shown = await client.inboxes.messages.get(state.me, back.messageId);
    assert.equal(shown.extractedText, "Good.");
    assert.equal(shown.inReplyTo, state.sent);
    await client.inboxes.messages.replyAll(state.me, back.messageId, { text: "To all." });
    await client.inboxes.messages.forward(state.me, back.messageId, { to: [state.other], text: "See below." });
    await arrived(state.other, (each) => each.subject.startsWith("Fwd:"));
  },

  async threads() {
    const threads = await all((page) => client.inboxes.threads.list(state.other, page), "threads");
    const found = threads.find((each) => each.threadId === state.shown.threadId);
    assert.ok(found.messageCount >= 2);
    const whole = await client.inboxes.threads.get(state.other, found.threadId);
    assert.equal(whole.messages.length, whole.messageCount);
    assert.equal(whole.messages[0].messageId, state.shown.messageId);
    assert.equal((await client.threads.get(found.threadId)).threadId, found.threadId);
    assert.ok((await client.threads.list({ limit: 5 })).count >= 1);
  },

  async drafts() {
    const made = await client.inboxes.drafts.create(state.me, { to: [state.other], subject: "Draft", text: "First." });
    const changed = await client.inboxes.drafts.update(state.me, made.draftId, { subject: "Final" });
    assert.equal(changed.subject, "Final");
    assert.equal((await client.inboxes.drafts.get(state.me, made.draftId)).text.trim(), "First.");
    assert.equal((await client.inboxes.drafts.list(state.me)).drafts[0].draftId, made.draftId);
    assert.ok((await client.inboxes.drafts.send(state.me, made.draftId, {})).messageId);
    await arrived(state.other, (each) => each.subject === "Final");
    await assert.rejects(client.inboxes.drafts.get(state.me, made.draftId), { statusCode: 404 });
    const later = await client.inboxes.drafts.create(state.me, {
      to: [state.other], subject: "Later", text: "x", sendAt: new Date(Date.now() + 86_400_000),
    });
    assert.equal(later.sendStatus, "scheduled");
    await client.inboxes.drafts.delete(state.me, later.draftId);
  },

  async websocket() {
    const socket = await client.websockets.connect({ apiKey, reconnectAttempts: 0, connectionTimeoutInSeconds: 60 });
    const told = [];
    const heard = (isWanted) =>
      new Promise((resolve, reject) => {
        const clock = setTimeout(() => reject(new Error(`not told: ${JSON.stringify(told)}`)), 60_000);
        const look = setInterval(() => {
          const found = told.find(isWanted);
          if (found) {
            clearTimeout(clock);
            clearInterval(look);
            resolve(found);
          }
        }, 20);
      });
    socket.on("message", (each) => told.push(each));
    await socket.waitForOpen();
    socket.sendSubscribe({ type: "subscribe", inboxIds: [state.other], eventTypes: ["message.received"] });
    await heard((each) => each.type === "subscribed");
    await client.inboxes.messages.send(state.me, { to: [state.other], subject: "Live", text: "x" });
    const event = await heard((each) => each.eventType === "message.received");
    assert.equal(event.message.subject, "Live");
    assert.equal(event.message.inboxId, state.other);
    socket.close();
  },

  async ending() {
    await client.inboxes.messages.delete(state.other, state.shown.messageId);
    await client.inboxes.delete(state.other);
    await assert.rejects(client.inboxes.get(state.other), { statusCode: 404 });
  },
};

// A link names the host that the world sees; from here it is this one.
function here(url) {
  const link = new URL(url);
  return `${new URL(base).origin}${link.pathname}${link.search}`;
}

for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(name);
}
process.exit(0);
