#!/usr/bin/env python3
"""Checks the manifests of docker/examples against the fields that the places know: a field that is spelled wrong, in
the wrong place or of the wrong type is an error, as is a container that mounts a volume the pod has not.

    validate.py [DIRECTORY]

The schemas below hold the fields that the examples use and no others: Kubernetes' (1.31: core/v1, apps/v1 and
batch/v1), Kustomize's, Tekton's v1 Task, Compose's, GitLab's .gitlab-ci.yml, its runner's config.toml, GitHub's
workflow with the inputs of actions, kind's Cluster and containerd's hosts.toml. A new field is added here with a look at the place's own reference. Of the Jenkinsfile the pod is checked,
whether it is named or in the text."""

import pathlib
import re
import sys
import tomllib

import yaml


class Mistake(Exception):
    pass


# A schema is a type, a tuple of allowed values, a list of one schema, or a dict of fields; a field that begins with
# "!" is required. `map_of` is an object with any keys.
class map_of:
    def __init__(self, schema):
        self.schema = schema


ENV = [{"!name": str, "value": str}]
EXEC_PROBE = {"!exec": {"!command": [str]}, "periodSeconds": int, "failureThreshold": int}
QUANTITIES = map_of(str)
CONTAINER = {
    "!name": str, "!image": str, "command": [str], "args": [str], "env": ENV, "tty": bool,
    "restartPolicy": ("Always",), "securityContext": {"privileged": bool},
    "startupProbe": EXEC_PROBE, "readinessProbe": EXEC_PROBE, "livenessProbe": EXEC_PROBE,
    "lifecycle": {"preStop": {"!exec": {"!command": [str]}}},
    "volumeMounts": [{"!name": str, "!mountPath": str, "readOnly": bool}],
    "resources": {"requests": QUANTITIES, "limits": QUANTITIES},
}
VOLUME = {"!name": str, "emptyDir": {"sizeLimit": str}, "configMap": {"!name": str},
          "hostPath": {"!path": str, "type": ("Directory", "DirectoryOrCreate", "")},
          "image": {"!reference": str, "pullPolicy": ("Always", "IfNotPresent", "Never")}}
POD_SPEC = {"restartPolicy": ("Always", "OnFailure", "Never"), "terminationGracePeriodSeconds": int,
            "initContainers": [CONTAINER], "!containers": [CONTAINER], "volumes": [VOLUME]}
METADATA = {"name": str}
POD = {"!apiVersion": ("v1",), "!kind": ("Pod",), "metadata": METADATA, "!spec": POD_SPEC}
JOB = {"!apiVersion": ("batch/v1",), "!kind": ("Job",), "!metadata": METADATA,
       "!spec": {"backoffLimit": int, "activeDeadlineSeconds": int, "ttlSecondsAfterFinished": int,
                 "!template": {"!spec": POD_SPEC}}}
LABELS = map_of(str)
DAEMON_SET = {"!apiVersion": ("apps/v1",), "!kind": ("DaemonSet",), "!metadata": METADATA,
              "!spec": {"!selector": {"!matchLabels": LABELS},
                        "!template": {"!metadata": {"!labels": LABELS}, "!spec": POD_SPEC}}}
KUSTOMIZATION = {"!apiVersion": ("kustomize.config.k8s.io/v1beta1",), "!kind": ("Kustomization",), "!resources": [str],
                 "configMapGenerator": [{"!name": str, "!files": [str]}]}
SIDECAR = {key: CONTAINER[key] for key in ("!name", "!image", "command", "args", "env", "securityContext",
                                           "readinessProbe", "volumeMounts")}
TASK = {"!apiVersion": ("tekton.dev/v1",), "!kind": ("Task",), "!metadata": METADATA,
        "!spec": {"!steps": [{"!name": str, "!image": str, "env": ENV, "script": str,
                              "volumeMounts": CONTAINER["volumeMounts"]}],
                  "sidecars": [SIDECAR], "volumes": [VOLUME]}}
ARC = {"!githubConfigUrl": str, "!githubConfigSecret": str, "!template": {"!spec": POD_SPEC}}
SERVICE = {"!image": str, "privileged": bool, "environment": map_of(str), "volumes": [str], "entrypoint": [str],
           "command": [str], "healthcheck": {"!test": [str], "interval": str, "retries": int},
           "depends_on": map_of({"!condition": ("service_healthy", "service_started")})}
COMPOSE = {"version": str, "!services": map_of(SERVICE), "volumes": map_of({})}
GITLAB = {"variables": map_of(str), "build": {"!image": str, "services": [{"!name": str, "alias": str}], "!script": [str]}}
NIGHTLY = {"nightly-image": {
    "!image": {"!name": str, "entrypoint": [str]}, "!rules": [{"!if": str}], "resource_group": str,
    "cache": {"!key": str, "!paths": [str]}, "before_script": [str], "!script": [str]}}
RUNNER = {"!runners": [{"!executor": ("docker", "kubernetes"), "!docker": {
    "!privileged": bool, "volumes": [str], "pull_policy": [("always", "if-not-present", "never")]}}]}
INPUTS = {"actions/checkout@v4": {},
          "docker/setup-buildx-action@v3": {"driver-opts": str, "buildkitd-config": str, "buildkitd-config-inline": str}}
WORKFLOW = {"!name": str, "!on": [str],
            "!jobs": map_of({"!runs-on": str, "container": str, "env": map_of(str),
                             "services": map_of({"!image": str, "env": map_of(str), "options": str}),
                             "!steps": [{"run": str, "uses": tuple(INPUTS), "with": map_of(str)}]})}
KIND = {"!kind": ("Cluster",), "!apiVersion": ("kind.x-k8s.io/v1alpha4",), "containerdConfigPatches": [str],
        "nodes": [{"!role": ("control-plane", "worker"),
                   "extraMounts": [{"!hostPath": str, "!containerPath": str, "readOnly": bool}]}]}
HOSTS = {"server": str, "!host": map_of({"!capabilities": [("pull", "resolve", "push")]})}
PIPELINE = {"!pod": POD, "!defaultContainer": str}
FILES = {
    "kubernetes-sidecar/pod.yaml": POD, "kubernetes-sidecar/pod-before-1.29.yaml": POD,
    "kubernetes-job/job.yaml": JOB, "node-cache/pod-hostpath.yaml": POD, "node-cache/pod-image-volume.yaml": POD,
    "node-cache/daemonset.yaml": DAEMON_SET, "node-cache/kustomization.yaml": KUSTOMIZATION,
    "github-arc/values.yaml": ARC, "jenkins/pod.yaml": POD, "tekton/task.yaml": TASK, "compose/compose.yaml": COMPOSE,
    "gitlab-service/gitlab-ci.yml": GITLAB, "gitlab-service/config.toml": RUNNER, "github-service/workflow.yml": WORKFLOW,
    "jenkins/Jenkinsfile": PIPELINE, "nightly/gitlab-ci.yml": NIGHTLY, "gitlab-service/builds.yml": GITLAB,
    "github-service/builds.yml": WORKFLOW, "kind/cluster.yaml": KIND, "kind/hosts.toml": HOSTS,
}


def check(value, schema, where):
    if isinstance(schema, map_of):
        if not isinstance(value, dict):
            raise Mistake(f"{where}: not an object")
        for key, item in value.items():
            check(item, schema.schema, f"{where}.{key}")
    elif isinstance(schema, dict):
        if not isinstance(value, dict):
            raise Mistake(f"{where}: not an object")
        known = {key.lstrip("!") for key in schema}
        for key in value:
            if key not in known:
                raise Mistake(f"{where}: no field {key} here; there are {', '.join(sorted(known))}")
        for key, item in schema.items():
            name = key.lstrip("!")
            if name in value:
                check(value[name], item, f"{where}.{name}")
            elif key.startswith("!"):
                raise Mistake(f"{where}: {name} is missing")
    elif isinstance(schema, list):
        if not isinstance(value, list):
            raise Mistake(f"{where}: not a list")
        for i, item in enumerate(value):
            check(item, schema[0], f"{where}[{i}]")
    elif isinstance(schema, tuple):
        if value not in schema:
            raise Mistake(f"{where}: {value!r} is none of {', '.join(map(repr, schema))}")
    elif type(value) is not schema:  # True is no int
        raise Mistake(f"{where}: {value!r} is no {schema.__name__}")


def pods_of(document):
    """Every pod in a document, however deep, with where it is."""
    if isinstance(document, dict):
        if "containers" in document or "sidecars" in document:
            yield document
        for item in document.values():
            yield from pods_of(item)


def check_volumes(pod):
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    used = set()
    for container in [c for key in ("initContainers", "containers", "steps", "sidecars") for c in pod.get(key, [])]:
        used |= {mount["name"] for mount in container.get("volumeMounts", [])}
    if used != volumes:
        raise Mistake(f"volumes {sorted(used ^ volumes)} are declared or mounted, but not both")


def check_engine(pod):
    dinds = [c for key in ("initContainers", "containers", "sidecars") for c in pod.get(key, []) if c["name"] == "dind"]
    if len(dinds) != 1 or not dinds[0].get("securityContext", {}).get("privileged"):
        raise Mistake("there should be one privileged container dind")
    if "/var/lib/docker" not in [mount["mountPath"] for mount in dinds[0]["volumeMounts"]]:
        raise Mistake("dind has no volume for its data")
    check_listeners(dinds[0])


def check_listeners(dind):
    """The network of a pod is the cluster's. `dockerd` written in full has the listeners that it names; else there is
    a TCP port, with TLS unless DOCKER_TLS_CERTDIR is empty."""
    arguments = dind.get("args", [])
    variables = {variable["name"]: variable.get("value", "") for variable in dind.get("env", [])}
    hosts = [argument for argument in arguments if argument.startswith(("-H", "--host"))]
    if any(not host.startswith("--host=unix://") for host in hosts):
        raise Mistake("dind has a listener that is no --host=unix://")
    if arguments[:1] != ["dockerd"] and not variables.get("DOCKER_TLS_CERTDIR", "/certs") \
            and not variables.get("DIND_TCP_BIND", "").startswith("127."):
        raise Mistake("dind serves the cluster without TLS")


def check_default_container(pipeline):
    names = [container["name"] for container in pipeline["pod"]["spec"]["containers"]]
    if pipeline["defaultContainer"] not in names:
        raise Mistake(f"defaultContainer {pipeline['defaultContainer']} is none of {', '.join(names)}")


def check_runner(runner):
    for each in runner["runners"]:
        if not each["docker"]["privileged"]:
            raise Mistake("a runner without privileged = true")
        if "/certs/client" not in each["docker"].get("volumes", []):
            raise Mistake("a runner without /certs/client: the job has no certificates")


def check_steps(workflow):
    """A step runs a command, or uses an action with inputs that it has; what is TOML among them is TOML."""
    for step in [step for job in workflow["jobs"].values() for step in job["steps"]]:
        if ("run" in step) == ("uses" in step):
            raise Mistake("a step has either run or uses")
        inputs = step.get("with", {})
        check(inputs, INPUTS.get(step.get("uses"), {}), f"with of {step.get('uses')}")
        tomllib.loads(inputs.get("buildkitd-config-inline", ""))


def check_cluster(cluster):
    for patch in cluster.get("containerdConfigPatches", []):
        tomllib.loads(patch)


def load(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    return load_pipeline(path, text) if path.name == "Jenkinsfile" else load_yaml(text)


def load_pipeline(path, text):
    """What a declarative pipeline says of its pod."""
    settings = re.findall(r"^\s*(yamlFile|yaml|defaultContainer)\s+('''|')(.*?)\2", text, re.MULTILINE | re.DOTALL)
    said = {key: value for key, _, value in settings}
    if "yamlFile" in said:
        said["pod"] = load(path.parent / said.pop("yamlFile"))
    elif "yaml" in said:
        said["pod"] = load_yaml(said.pop("yaml"))
    return said


def load_yaml(text):
    class Loader(yaml.SafeLoader):
        """YAML 1.2, as these places read it: `on` is a word."""
    Loader.yaml_implicit_resolvers = {
        key: [(tag, expression) for tag, expression in resolvers if not (tag.endswith(":bool") and key in "oOyYnN")]
        for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    return yaml.load(text, Loader)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "docker/examples")
    others = (".md", ".sh", ".conf", ".txt")
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix not in others}
    failed = [f"{name}: nothing says how to check it" for name in sorted(found - FILES.keys())]
    failed += [f"{name}: missing" for name in sorted(FILES.keys() - found)]
    failed += [f"{path.name}: no README.md" for path in sorted(root.iterdir())
               if path.is_dir() and not (path / "README.md").exists()]
    for name in sorted(FILES.keys() & found):
        try:
            document = load(root / name)
            check(document, FILES[name], name)
            for pod in pods_of(document):
                check_volumes(pod)
                if FILES[name] is not DAEMON_SET:  # it fills a cache, and runs no engine
                    check_engine(pod)
            if FILES[name] is PIPELINE:
                check_default_container(document)
            if FILES[name] is RUNNER:
                check_runner(document)
            if FILES[name] is WORKFLOW:
                check_steps(document)
            if FILES[name] is KIND:
                check_cluster(document)
        except (Mistake, OSError, yaml.YAMLError, tomllib.TOMLDecodeError) as mistake:
            failed.append(str(mistake) if str(mistake).startswith(name) else f"{name}: {mistake}")
    for line in failed:
        print(line, file=sys.stderr)
    if not failed:
        print(f"{len(FILES)} manifests are as they should be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
