"""Takes a query: which workgroup it runs in, whose settings count, and whether it was asked for before.

https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, get_region, json_response

from localcloud.emulator.access.callers import caller
from localcloud.emulator.athena import results
from localcloud.emulator.athena.errors import QueryError
from localcloud.emulator.patching import replaces

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def _start(original: Callable[[Json], Answer], data: Json) -> Answer:
    from ministack.services import athena

    workgroup_name = data.get("WorkGroup", "primary")
    workgroup = athena._workgroups.get(workgroup_name)
    if workgroup is None:
        return _invalid(f"WorkGroup {workgroup_name} is not found.")
    if workgroup["State"] != "ENABLED":
        return _invalid(f"WorkGroup {workgroup_name} is disabled.")
    asked_before = _asked_before(data)
    if asked_before is not None:
        return asked_before
    refusal = _unparsable(data.get("QueryString", ""))
    if refusal is not None:
        return _invalid(refusal, AthenaErrorCode="MALFORMED_QUERY")
    configuration = effective(workgroup.get("Configuration", {}), data.get("ResultConfiguration", {}))
    location = configuration.get("OutputLocation")
    if location:
        configuration["OutputLocation"] = location if location.endswith("/") else f"{location}/"
    answer = original({**data, "WorkGroup": workgroup_name, "ResultConfiguration": configuration})
    if answer[0] == 200:
        execution = athena._executions[json.loads(answer[2])["QueryExecutionId"]]
        execution["ResultConfiguration"] = {**configuration, **execution["ResultConfiguration"]}
        execution["_request"] = data
    return answer


def _unparsable(query: str) -> str | None:
    """Why a statement cannot run, None when it can."""
    from ministack.services import athena

    from localcloud.emulator.athena import translation

    if athena._parse_ddl(query) is not None:
        return None
    try:
        statement = translation.parse(query)
        translation.tables_of(statement)
        translation.translated(statement)
    except QueryError as error:
        return str(error)
    return None


def effective(workgroup: Mapping[str, Any], client: Mapping[str, Any]) -> Json:
    """The result configuration that counts: the workgroup's alone when it is enforced, else the client's over it.

    https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html
    """
    own = workgroup.get("ResultConfiguration", {})
    return dict(own) if workgroup.get("EnforceWorkGroupConfiguration") else {**own, **client}


def _asked_before(data: Json) -> Answer | None:
    """The answer to a request whose token was used: the same execution, or an error when something else is asked."""
    from ministack.services import athena

    token = data.get("ClientRequestToken")
    for query_id, execution in athena._executions.items() if token else ():
        asked = execution.get("_request", {})
        if asked.get("ClientRequestToken") == token:
            if asked != data:
                return _invalid("Idempotent parameters do not match")
            return json_response({"QueryExecutionId": query_id})  # type: ignore[no-any-return]
    return None


def _results(original: Callable[[Json], Answer], data: Json) -> Answer:
    from ministack.services import athena

    execution = athena._executions.get(data.get("QueryExecutionId"))
    if execution is not None and execution["Status"]["State"] == "SUCCEEDED":
        refusal = results.readable(caller(), get_region(), execution)
        if refusal is not None:
            return _invalid(f"Access denied when reading the query's results. {refusal}")
    return original(data)


def _invalid(message: str, **fields: str) -> Answer:
    return error_response_json("InvalidRequestException", message, 400, extra=fields)  # type: ignore[no-any-return]


def install() -> None:
    """Take queries in place of the emulator's own way, and ask for permission to read their results."""
    replaces("ministack.services.athena", "_start_query_execution", source="405753f7beaf")(_start)
    replaces("ministack.services.athena", "_get_query_results", source="abd778cbcf28")(_results)
