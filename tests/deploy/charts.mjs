// node charts.mjs RENDERS CHART: judges what the chart has rendered, each file of RENDERS.
// 1. Each object is what its kind allows: by the validators of kubernetes-models, and, since those
//    let unknown fields pass, by the TypeScript compiler, to which each is a literal of its type.
// 2. The facts that the chart promises.
// 3. An object that is broken is refused.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { parse, parseAllDocuments } from "yaml";

const here = dirname(fileURLToPath(import.meta.url));
const [renders, chart] = process.argv.slice(2);
let failed = 0;
function claim(text, holds, why = "") {
  if (holds) {
    console.log(`ok ${text}`);
  } else {
    failed++;
    console.log(`FAILED: ${text}${why ? `: ${why}` : ""}`);
  }
}
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const isPart = (part, whole) => Object.entries(part).every(([key, value]) => whole?.[key] === value);

// ---- kinds

const packages = {
  "v1": "kubernetes-models/v1",
  "apps/v1": "kubernetes-models/apps/v1",
  "autoscaling/v2": "kubernetes-models/autoscaling/v2",
  "policy/v1": "kubernetes-models/policy/v1",
  "networking.k8s.io/v1": "kubernetes-models/networking.k8s.io/v1",
  "keda.sh/v1alpha1": "@kubernetes-models/keda/keda.sh/v1alpha1",
  "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
};

// What is wrong with each object: a list of sentences for each, empty where it is right.
async function faultsOf(objects) {
  const faults = objects.map(() => []);
  const lines = [];
  for (const [i, object] of objects.entries()) {
    const from = packages[object.apiVersion];
    if (!from) {
      faults[i].push(`no schema for ${object.apiVersion}`);
      lines.push("");
      continue;
    }
    const Kind = (await import(`${from}/${object.kind}`))[object.kind];
    try {
      new Kind(object).validate();
    } catch (error) {
      faults[i].push(error.message);
    }
    // A line for each, so that a diagnostic's line says which it is of.
    lines.push(`export const _${i}: import("${from}/${object.kind}").I${object.kind} = ${JSON.stringify(object)};`);
  }
  const file = join(here, "objects.mts");
  const options = {
    noEmit: true, strict: true, skipLibCheck: true, types: [],
    module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
  };
  const host = ts.createCompilerHost(options);
  const [read, exists] = [host.getSourceFile, host.fileExists];
  host.fileExists = (name) => name === file || exists.call(host, name);
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, lines.join("\n"), rest[0]) : read.call(host, name, ...rest);
  const program = ts.createProgram([file], options, host);
  for (const found of ts.getPreEmitDiagnostics(program)) {
    const text = ts.flattenDiagnosticMessageText(found.messageText, " ");
    if (found.file?.fileName !== file) throw new Error(text);
    faults[found.file.getLineAndCharacterOfPosition(found.start).line].push(text);
  }
  return faults;
}

// ---- facts

const sorted = (value) => Array.isArray(value) ? value.map(sorted)
  : value === null || typeof value !== "object" ? value
  : Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
const { groups } = parse(readFileSync(join(chart, "files/rules.yaml"), "utf8"));
const adapter = parse(readFileSync(join(chart, "../../prometheus/adapter.yaml"), "utf8"));

function facts(name, objects) {
  const all = (kind) => objects.filter((each) => each.kind === kind);
  const one = (kind) => {
    claim(`${name}: there is one ${kind}`, all(kind).length === 1, `${all(kind).length}`);
    return all(kind)[0];
  };
  const is = (text, actual, expected) =>
    claim(`${name}: ${text}`, same(actual, expected), `${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);

  const deployment = one("Deployment");
  const pod = deployment.spec.template.spec;
  const labels = deployment.spec.template.metadata.labels;
  const selector = deployment.spec.selector.matchLabels;
  claim(`${name}: one container`, pod.containers.length === 1);
  const container = pod.containers[0];
  const port = container.ports.find((each) => each.name === "admin")?.containerPort;

  const [program, ...drain] = container.lifecycle.preStop.exec.command;
  const timeout = drain.at(-1);
  is("preStop drains", [program, ...drain],
    ["/usr/bin/millpool", "drain", "--admin", `127.0.0.1:${port}`, "--timeout", timeout]);
  is("the grace period is 15 s longer than the drain", pod.terminationGracePeriodSeconds, Number(timeout) + 15);
  is("and is what was asked for", timeout, name === "all" ? "120" : "30");

  claim(`${name}: not root`, pod.securityContext.runAsNonRoot === true && pod.securityContext.runAsUser > 0);
  is("seccomp", pod.securityContext.seccompProfile, { type: "RuntimeDefault" });
  is("nothing is gained and nothing written", container.securityContext, {
    allowPrivilegeEscalation: false, privileged: false, readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  claim(`${name}: nothing of the node's`,
    !pod.hostNetwork && !pod.hostPID && !pod.hostIPC && !(pod.volumes ?? []).some((each) => each.hostPath));
  is("no token of the cluster", pod.automountServiceAccountToken, false);
  claim(`${name}: each mount has its volume`,
    container.volumeMounts.every((mount) => pod.volumes.some((each) => each.name === mount.name)));
  claim(`${name}: it asks for memory, and is bounded`,
    container.resources.requests.memory && container.resources.limits.memory);

  const env = Object.fromEntries(container.env.map((each) => [each.name, each]));
  is("the admin server listens there", env.MILLPOOL_ADMIN.value, `0.0.0.0:${port}`);
  const token = env.MILLPOOL_ADMIN_TOKEN.valueFrom?.secretKeyRef;
  claim(`${name}: its token is of a Secret`, token?.name && token.key && !env.MILLPOOL_ADMIN_TOKEN.value);
  for (const secret of all("Secret")) {
    is("that Secret is there", secret.metadata.name, token.name);
    claim(`${name}: with a token`, Buffer.from(secret.data[token.key], "base64").length >= 16);
  }
  claim(`${name}: no token in plain sight`, !JSON.stringify(deployment).includes("not-a-secret-but-a-test"));
  claim(`${name}: nor its bare hash`, !JSON.stringify(deployment).includes(
    createHash("sha256").update("not-a-secret-but-a-test").digest("hex")));

  for (const [probe, path] of [["startupProbe", "/livez"], ["livenessProbe", "/livez"], ["readinessProbe", "/readyz"]]) {
    is(probe, container[probe].httpGet, { path, port: "admin" });
  }
  const spread = pod.topologySpreadConstraints;
  claim(`${name}: its pods are spread`, spread.length > 0 && spread.every((each) => same(each.labelSelector.matchLabels, selector)));
  claim(`${name}: the selector finds its pods`, isPart(selector, labels));

  const account = one("ServiceAccount");
  is("the account is the pods'", pod.serviceAccountName, account.metadata.name);
  is("which has no token either", account.automountServiceAccountToken, false);

  const service = one("Service");
  is("the Service finds the pods", service.spec.selector, selector);
  claim(`${name}: each port of the Service is there`,
    service.spec.ports.every((each) => container.ports.some((there) => there.name === each.targetPort)));
  const extra = container.ports.map((each) => each.name).filter((each) => each !== "admin");

  const budget = one("PodDisruptionBudget");
  is("a disruption takes one at a time", budget.spec.maxUnavailable, 1);
  is("of these", budget.spec.selector.matchLabels, selector);

  const policy = one("NetworkPolicy");
  is("the policy is for the pods", policy.spec.podSelector.matchLabels, selector);
  is("what is not let in stays out", policy.spec.policyTypes, ["Ingress"]);
  const [admin, ...others] = policy.spec.ingress;
  is("it lets the admin port in", admin.ports, [{ port: "admin", protocol: "TCP" }]);
  claim(`${name}: from some`, admin.from.length > 0 && admin.from.every((peer) => Object.keys(peer).length > 0));
  is("and else what was asked for", others.flatMap((rule) => rule.ports.map((each) => each.port)), extra);

  const scalers = [...all("HorizontalPodAutoscaler"), ...all("ScaledObject")];
  const wanted = { "default": 0 }[name] ?? 1;
  is("who scales it", scalers.length, wanted);
  is("then the Deployment says no number", deployment.spec.replicas === undefined, wanted === 1);
  for (const scaler of scalers) {
    is("it scales the Deployment", scaler.spec.scaleTargetRef,
      { apiVersion: "apps/v1", kind: "Deployment", name: deployment.metadata.name });
    const least = scaler.spec.minReplicas ?? scaler.spec.minReplicaCount;
    const most = scaler.spec.maxReplicas ?? scaler.spec.maxReplicaCount;
    claim(`${name}: from one up`, least >= 1 && least <= most, `${least} to ${most}`);
    is("as was asked for", [least, most], name === "hpa-pods" ? [3, 30] : [2, 10]);
    const behavior = scaler.spec.behavior ?? scaler.spec.advanced.horizontalPodAutoscalerConfig.behavior;
    is("up at once, down after ten times the pool's keep_alive of 60 s",
      [behavior.scaleUp.stabilizationWindowSeconds, behavior.scaleDown.stabilizationWindowSeconds], [0, 600]);
  }
  for (const scaler of all("HorizontalPodAutoscaler")) {
    const [metric] = scaler.spec.metrics;
    is("by a mean over the replicas", [metric.type, metric.external?.target.type ?? metric.pods.target.type],
      [name === "hpa-pods" ? "Pods" : "External", "AverageValue"]);
    const of = (metric.external ?? metric.pods).metric;
    is("of one pool", [of.name, of.selector.matchLabels.pool], ["millpool_tasks_unfinished", "orders"]);
    claim(`${name}: which is what the adapter calls the tasks that wait and those that run`,
      adapter[metric.external ? "externalRules" : "rules"].some((rule) => rule.name.as === of.name &&
        rule.seriesQuery.startsWith("millpool_queue_depth{") && rule.metricsQuery.includes("<<.Series>>{") &&
        rule.metricsQuery.includes(" + sum") && rule.metricsQuery.includes("millpool_tasks_running{")));
    is("so many a replica", (metric.external ?? metric.pods).target.averageValue, name === "hpa-pods" ? "6" : "3");

    if (metric.external) is("and this Service", of.selector.matchLabels.service, service.metadata.name);
  }
  for (const scaled of all("ScaledObject")) {
    const [trigger] = scaled.spec.triggers;
    let reference;
    if (name !== "keda-odd-name") {  // it asks a Prometheus that answers all
      const auth = one("TriggerAuthentication");
      is("it has who vouches for it", trigger.authenticationRef.name, auth.metadata.name);
      [reference] = auth.spec.secretTargetRef;
    }
    is("so many unfinished tasks a replica", trigger.metadata.threshold ?? trigger.metadata.targetValue, "3");
    is("none too few where nobody can be asked", [scaled.spec.fallback.behavior, scaled.spec.fallback.replicas],
      ["currentReplicas", scaled.spec.maxReplicaCount]);
    claim(`${name}: all of a trigger's metadata is text`, Object.values(trigger.metadata).every((each) => typeof each === "string"));
    if (trigger.type === "metrics-api") {
      is("it asks the Service", trigger.metadata.url,
        `http://${service.metadata.name}.shop.svc:${port}/api/v1/queues/big%20orders/scale`);
      is("for all that is not done", trigger.metadata.valueLocation, "unfinished");
      is("with the token", [trigger.metadata.authMode, reference],
        ["bearer", { parameter: "token", name: token.name, key: token.key }]);
    } else {
      const pool = name === "keda-odd-name" ? String.raw`big \"orders\" \\ small` : "orders";
      const of = `{namespace="shop",service="${service.metadata.name}",pool="${pool}"}`;
      is("it asks Prometheus", trigger.metadata.query,
        `sum(millpool_queue_depth${of}) + sum(millpool_tasks_running${of})`);
      if (reference) is("with its token", [trigger.metadata.authModes, reference],
        ["bearer", { parameter: "bearerToken", name: "prometheus-reader", key: "token" }]);
    }
  }

  for (const monitor of all("ServiceMonitor")) {
    claim(`${name}: the monitor finds the Service`, isPart(monitor.spec.selector.matchLabels, service.metadata.labels));
    const [endpoint] = monitor.spec.endpoints;
    is("by its port", [endpoint.port, endpoint.path], ["admin", "/metrics"]);
    is("with the token", endpoint.authorization, { type: "Bearer", credentials: { name: token.name, key: token.key } });
  }
  for (const rule of all("PrometheusRule")) {
    const [own, ...common] = rule.spec.groups;
    is("one rule is this Service's", own.rules.map((each) => each.expr),
      [`absent(millpool_build_info{namespace="shop",service="${service.metadata.name}"})`]);
    is("the others are the file's", sorted(common), sorted(groups));
  }
  for (const map of all("ConfigMap")) {
    is("Grafana finds the dashboard", map.metadata.labels.grafana_dashboard, "1");
    is("which is the file's", JSON.parse(map.data["millpool.json"]),
      JSON.parse(readFileSync(join(chart, "files/millpool.json"), "utf8")));
  }
  if (name === "all") is("all is there", objects.map((each) => each.kind).sort(), [
    "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget",
    "PrometheusRule", "Secret", "Service", "ServiceAccount", "ServiceMonitor"]);
}

// ---- rules

for (const rule of groups.flatMap((group) => group.rules).filter((each) => each.alert)) {
  claim(`${rule.alert} says what is the matter, what to do, and how bad it is`,
    rule.annotations?.summary && rule.annotations.action &&
    ["info", "warning", "critical"].includes(rule.labels?.severity));
}

// ---- all of it

const read = (file) =>
  parseAllDocuments(readFileSync(join(renders, file), "utf8")).map((each) => each.toJS()).filter(Boolean);
const files = readdirSync(renders).sort();
claim("there are renders", files.length >= 7, files.join());
const objects = [];  // {name, object}
for (const file of files) {
  const name = file.replace(".yaml", "");
  const inside = read(file);
  objects.push(...inside.map((object) => ({ name, object })));
  try {
    facts(name, inside);
  } catch (error) {
    claim(`${name}: all is there that should be`, false, error.message);
  }
}

// What is broken, by kind: each change makes one object that has to be refused.
const breaks = {
  Deployment: [
    (d) => (d.spec.template.spec.terminationGracePeriodSeconds = "soon"),
    (d) => delete d.spec.selector,
    (d) => (d.spec.template.spec.containers[0].lifecycle.prestop = {}),
    (d) => (d.spec.template.spec.containers[0].readynessProbe = {}),
    (d) => (d.spec.template.spec.securityContext.runAsNonRoot = "yes"),
  ],
  HorizontalPodAutoscaler: [
    (d) => delete d.spec.maxReplicas,
    (d) => (d.spec.behavior.scaleDown.stabilisationWindowSeconds = 1),
  ],
  ScaledObject: [(d) => (d.spec.triggers[0].metadata.threshold = 5), (d) => (d.spec.minReplicas = 1)],
  TriggerAuthentication: [(d) => delete d.spec.secretTargetRef[0].parameter],
  NetworkPolicy: [(d) => (d.spec.ingress[0].ports[0].port = true), (d) => (d.spec.ingress[0].form = [])],
  ServiceMonitor: [(d) => delete d.spec.selector, (d) => (d.spec.endpoints[0].authorisation = {})],
  PrometheusRule: [(d) => delete d.spec.groups[0].rules[0].expr],
};
const broken = [];
for (const [kind, changes] of Object.entries(breaks)) {
  for (const change of changes) {
    const copy = structuredClone(objects.find((each) => each.object.kind === kind).object);
    change(copy);
    broken.push({ name: `a broken ${kind}, ${change}`, object: copy });
  }
}
const judged = [...objects, ...broken];
const faults = await faultsOf(judged.map((each) => each.object));
for (const [i, { name, object }] of judged.entries()) {
  if (i < objects.length) {
    claim(`${name}: ${object.kind} is right`, faults[i].length === 0, faults[i].join("; "));
  } else {
    claim(`${name} is refused`, faults[i].length > 0);
  }
}
process.exit(failed ? 1 : 0);
