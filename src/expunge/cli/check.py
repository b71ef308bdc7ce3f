"""``expunge check``."""

import sys
from typing import Any

import expunge

from .shared import show
from .shared.options import (
    Data,
    Forget,
    Json,
    Model,
    OptionalConfig,
    Out,
    Overrides,
    Users,
    Weights,
    load_request,
    output_folder,
)

NEEDS_ARGUMENTS = True


def command(
    config: OptionalConfig = None,
    model: Model = None,
    weights: Weights = None,
    data: Data = None,
    forget: Forget = None,
    users: Users = None,
    out: Out = None,
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Load everything that CONFIG names and say what a run would do, without doing it.

    Exit code 2 if the run could not be carried out.

    Example: expunge check configs/cifar10-random10.toml
    """
    # What is imported and loaded takes seconds; nobody should wonder.
    print(f"Checking {config or 'the request'} …", file=sys.stderr, flush=True)
    request = load_request(config, (model, weights, data, forget, users), overrides)
    found = expunge.check_run(request, output_folder(out, config))
    if json:
        show.as_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    data, model, output = found["data"], found["model"], found["output"]
    sizes = ", ".join(f"{name} {size}" for name, size in data["sizes"].items())
    shape = "x".join(str(side) for side in data["image_shape"])
    weights = model["weights"] or f"trained here by {model['trained_here_by']}"
    retrain, recipe = found["reference"]["retrain"], found["reference"]["recipe"]
    print(f"Data:       {data['name']}: {sizes}")
    print(f"            {data['classes']} classes, {shape}, {data['image_megabytes']} MB")
    if data["canaries"]:
        print(f"            {data['canaries']} canaries with wrong labels in the training set")
    for note in data["notes"]:
        print(f"            {note}")
    print(f"Forget:     {found['request']['forget']}: {found['request']['size']} samples")
    if found["request"]["counts"]:
        print(f"            {found['request']['counts']}")
    for stays, like in found["request"]["near_copies"]:
        print(f"            {stays} stays, and looks like {like}")
    print(f"Model:      {model['name']}, {model['parameters']:,} parameters, {weights}")
    if model["accuracy"]:
        told = ", ".join(f"{name} {value:.1f} %" for name, value in model["accuracy"].items())
        print(f"            accuracy on {told}: is this what you expect? If not, the model was")
        print("            trained with another normalisation (data.mean, std) or order of classes")
    print(f"Method:     {found['method']['name']}")
    print(f"References: {retrain}{f' retrained by {recipe}' if retrain else ''}")
    print(f"Device:     {found['device']}")
    print(f"Output:     {output['folder']}, at most {output['megabytes_at_most']} MB")
