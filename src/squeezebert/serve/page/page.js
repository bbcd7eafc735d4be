// The page to try models: asks this server, and shows what it says.

export const byId = (id) => document.getElementById(id);
const models = new Map();

const EXAMPLES = {
  classification: { text: "A gripping, beautifully shot film." },
  pairs: {
    text: "The match went to penalties after extra time.",
    labels: "sport, politics, cooking",
  },
  embedding: {
    text: "How do I reset my password?",
    others: "I forgot my login.\nWhere is my parcel?\nThe shop opens at nine.",
  },
  entities: { text: "Ada Lovelace met Charles Babbage in London in 1833." },
  several: { text: "Ada Lovelace wrote a gripping, beautifully shot film in London." },
  "question-answering": {
    question: "Where did Ada meet Babbage?",
    text: "Ada Lovelace met Charles Babbage at a party in London in 1833.",
  },
};

const FIELDS = {
  classification: ["pair"],
  pairs: ["pair", "labels"],
  embedding: ["others"],
  entities: [],
  several: ["pair"],
  "question-answering": ["question"],
};

// What the form is for: the task, or pairs and labels of one's own.
function kind(model) {
  return model.zero_shot ? "pairs" : model.task;
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export async function call(path, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function choose() {
  const model = models.get(byId("model").value);
  const fields = FIELDS[kind(model)];
  for (const place of document.querySelectorAll("[data-for]")) {
    place.hidden = !fields.includes(place.dataset.for);
  }
  byId("text-label").textContent =
    model.task === "question-answering" ? "Text to find the answer in" : "Text";
  const names = model.tasks.map(({ name }) => name);
  const about = names.length > 1 ? `: ${names.join(", ")}` : model.labels.length ? `: ${model.labels.slice(0, 8).join(", ")}` : "";
  byId("about").textContent = `${model.task}${about}${model.labels.length > 8 ? ", …" : ""}`;
  const example = EXAMPLES[kind(model)];
  for (const name of ["question", "text", "pair", "labels", "others"]) {
    byId(name).value = example[name] ?? "";
  }
  showRequest();
}

// What is sent for what is typed.
function request() {
  const model = models.get(byId("model").value);
  const fields = FIELDS[kind(model)];
  const typed = (name) => (fields.includes(name) ? byId(name).value.trim() : "");
  const text = byId("text").value;
  const body = { items: [text] };
  if (fields.includes("question")) {
    body.items = [{ question: byId("question").value, context: text }];
  } else if (typed("pair")) {
    body.items = [{ text, pair: byId("pair").value }];
  } else if (typed("labels")) {
    body.labels = typed("labels").split(",").map((label) => label.trim());
  } else if (typed("others")) {
    body.items.push(...typed("others").split("\n").filter((line) => line.trim()));
  }
  return { path: `/v1/models/${encodeURIComponent(model.id)}/predict`, body, model };
}

function showRequest() {
  const { path, body } = request();
  const url = location.origin + path;
  const json = JSON.stringify(body);
  byId("curl").textContent = `curl ${url} --json '${json.replaceAll("'", "'\\''")}'`;
  byId("python").textContent = [
    "import json",
    "import urllib.request",
    "",
    `body = json.loads(${JSON.stringify(json)})`,
    "request = urllib.request.Request(",
    `    ${JSON.stringify(url)},`,
    "    json.dumps(body).encode(),",
    '    {"Content-Type": "application/json"},',
    ")",
    "print(json.load(urllib.request.urlopen(request)))",
  ].join("\n");
}

function bar(name, share, shown) {
  const filled = element("div");
  filled.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  const track = element("div", { className: "track" }, filled);
  track.setAttribute("aria-hidden", "true");
  return element(
    "li", {}, element("span", { className: "score", textContent: shown }),
    element("span", { textContent: name }), track,
  );
}

export const percent = (share) => `${(share * 100).toFixed(1)} %`;

export function labels(prediction) {
  if (prediction.value !== null) {
    return [element("p", { textContent: `${prediction.label}: ${prediction.value.toFixed(3)}` })];
  }
  const ranked = Object.entries(prediction.scores).sort((one, other) => other[1] - one[1]);
  const said = prediction.labels === null ? prediction.label : prediction.labels.join(", ");
  return [
    element("p", {}, element("strong", { textContent: said || "no label" })),
    element("ol", { className: "bars" },
      ...ranked.slice(0, 10).map(([name, score]) => bar(name, score, percent(score)))),
  ];
}

// A text with some of its spans marked; places count characters, not UTF-16 units.
function marked(text, spans) {
  const characters = Array.from(text);
  const shown = element("p", { className: "marked" });
  let place = 0;
  for (const span of spans) {
    shown.append(characters.slice(place, span.start).join(""));
    const mark = element("mark", {}, characters.slice(span.start, span.end).join(""));
    if (span.type) mark.append(" ", element("small", { textContent: span.type }));
    shown.append(mark);
    place = span.end;
  }
  shown.append(characters.slice(place).join(""));
  shown.tabIndex = 0;
  shown.role = "group";
  shown.ariaLabel = "The text, with what was found marked";
  return shown;
}

function similar([first, ...others], texts) {
  const cosine = (vector) => vector.reduce((sum, value, i) => sum + value * first.vector[i], 0);
  if (!others.length) {
    const numbers = first.vector.slice(0, 6).map((value) => value.toFixed(4)).join(", ");
    return [element("p", { textContent: `[${numbers}, …], ${first.vector.length} numbers` })];
  }
  const ranked = others
    .map(({ vector }, index) => ({ text: texts[index + 1], score: cosine(vector) }))
    .sort((one, other) => other.score - one.score);
  return [
    element("ol", { className: "bars" },
      ...ranked.map(({ text, score }) => bar(text, score, score.toFixed(3)))),
  ];
}

// The predictions of several tasks, each under its name.
function each(answer, asked) {
  const [predictions] = answer.predictions;
  return asked.model.tasks.filter(({ name }) => name in predictions).flatMap(({ name, task }) => [
    element("h3", { textContent: name }),
    ...shown({ task, predictions: [predictions[name]] }, asked),
  ]);
}

function shown(answer, asked) {
  if (answer.task === "several") return each(answer, asked);
  const { body } = asked;
  const [prediction] = answer.predictions;
  if (answer.task === "entities") {
    const found = prediction.entities.length ? [] : [element("p", { textContent: "No entities." })];
    return [...found, marked(body.items[0], prediction.entities)];
  }
  if (answer.task === "question-answering") {
    const said = prediction.answer ?? "The text does not say.";
    const spans = prediction.answer === null ? [] : [prediction];
    return [
      element("p", {}, element("strong", { textContent: said }), ` ${percent(prediction.score)}`),
      marked(body.items[0].context ?? body.items[0].pair, spans.map(({ start, end }) => ({ start, end }))),
    ];
  }
  if (answer.task === "embedding" && prediction.vector) {
    return similar(answer.predictions, body.items);
  }
  if (answer.task === "embedding") {
    return [element("p", { textContent: `Similarity ${prediction.score.toFixed(3)}` })];
  }
  return labels(prediction);
}

function facts(answer, seconds) {
  const predictions = answer.task === "several"
    ? answer.predictions.flatMap((named) => Object.values(named))
    : answer.predictions;
  const cut = predictions.filter((prediction) => prediction.truncated);
  const windows = Math.max(...predictions.map((prediction) => prediction.windows ?? 1));
  const said = [
    `${answer.usage.tokens} tokens`,
    `${answer.usage.milliseconds.toFixed(1)} ms in the server`,
    `${(seconds * 1000).toFixed(1)} ms until it was here`,
  ];
  if (windows > 1) said.push(`read in ${windows} overlapping windows`);
  const end = cut.length
    ? element("span", {
        className: "cut",
        textContent: `cut: the model saw ${cut[0].tokens} of ${cut[0].total_tokens} tokens`,
      })
    : "nothing was cut";
  byId("facts").replaceChildren(said.join(" · "), " · ", end);
}

async function ask(event) {
  event?.preventDefault();
  const asked = request();
  byId("ask").disabled = true;
  byId("facts").replaceChildren();
  try {
    const started = performance.now();
    const answer = await call(asked.path, asked.body);
    byId("answer").replaceChildren(...shown(answer, asked));
    facts(answer, (performance.now() - started) / 1000);
  } catch (error) {
    byId("answer").replaceChildren(
      element("p", { className: "wrong", textContent: error.message }));
  } finally {
    byId("ask").disabled = false;
  }
}

async function copy(event) {
  const { copy: name } = event.currentTarget.dataset;
  await navigator.clipboard.writeText(byId(name).textContent);
  byId("copied").textContent = `The ${name === "curl" ? "curl command" : "Python program"} is copied.`;
}

export async function list(chosen) {
  const { data } = await call("/v1/models");
  models.clear();
  for (const model of data) models.set(model.id, model);
  byId("model").replaceChildren(...data.map(({ id }) => element("option", { value: id }, id)));
  byId("model").value = chosen ?? data.find((model) => model.default)?.id ?? data[0].id;
  choose();
}

byId("model").addEventListener("change", choose);
byId("try").addEventListener("submit", ask);
byId("try").addEventListener("input", showRequest);
byId("try").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask(event);
});
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", copy);
}
list().catch((error) => {
  byId("answer").replaceChildren(
    element("p", { className: "wrong", textContent: `No models: ${error.message}` }));
});
