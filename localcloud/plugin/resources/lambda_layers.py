"""Lambda layers."""

from localcloud.plugin import mapping
from localcloud.plugin.calls import or_missing
from localcloud.plugin.resource import Context, Properties, ResourceType, Update
from localcloud.plugin.resources.lambda_code import code_request, code_rules


def _publish_layer(context: Context) -> str:
    request = context.request() | {"Content": code_request(context.inputs)}
    context.id = str(context.call("PublishLayerVersion", **request)["LayerVersionArn"])
    return context.id


def _read_layer(context: Context) -> Properties | None:
    layer, _, version = context.id.rpartition(":")
    found = or_missing(lambda: context.call("GetLayerVersion", LayerName=layer, VersionNumber=int(version)))
    if found is None:
        return None
    state = mapping.from_response(context.resource.schema.outputs, found, {"arn": "LayerVersionArn"})
    content = found.get("Content", {})
    extra = {
        "layerName": layer.rpartition(":")[2],
        "codeSha256": content.get("CodeSha256", ""),
        "sourceCodeHash": content.get("CodeSha256"),
        "sourceCodeSize": content.get("CodeSize", 0),
        "signingJobArn": content.get("SigningJobArn", ""),
        "signingProfileVersionArn": content.get("SigningProfileVersionArn", ""),
    }
    return state | extra


def _delete_layer(context: Context) -> None:
    if not context.old.get("skipDestroy"):
        layer, _, version = context.id.rpartition(":")
        context.call("DeleteLayerVersion", LayerName=layer, VersionNumber=int(version))


RESOURCES = (
    ResourceType(
        token="aws:lambda/layerVersion:LayerVersion",
        service="lambda",
        operation="PublishLayerVersion",
        create=_publish_layer,
        read=_read_layer,
        delete=_delete_layer,
        updates=(Update(("skipDestroy",), lambda context: None),),  # only deletion looks at it
        names={
            "code": None,
            "sourceCodeHash": None,
            "skipDestroy": None,
            "s3Bucket": "Content.S3Bucket",
            "s3Key": "Content.S3Key",
            "s3ObjectVersion": "Content.S3ObjectVersion",
        },
        # A published version never changes (https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html).
        immutable=("layerName", "code", "s3Bucket", "s3Key", "s3ObjectVersion", "sourceCodeHash", "description",
                   "compatibleArchitectures", "compatibleRuntimes", "licenseInfo"),
        defaults={"skipDestroy": False},
        computed=("sourceCodeHash",),
        write_only=("code", "s3Bucket", "s3Key", "s3ObjectVersion", "skipDestroy"),
        unordered=("compatibleArchitectures", "compatibleRuntimes"),
        rules=(code_rules,),
    ),
)  # fmt: skip
