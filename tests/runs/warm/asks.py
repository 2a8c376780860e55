#!/usr/bin/python
"""A module for test_warm_modules.py: asks AWS, of which the answers are given to it."""

import contextlib

import boto3
from ansible.module_utils.basic import AnsibleModule
from botocore.exceptions import ClientError
from botocore.stub import Stubber


def main() -> None:
    """Ask each of `questions`: service, method, parameters, and the answer or the code of an error."""
    module = AnsibleModule(argument_spec={"questions": {"type": "list", "elements": "list"}})
    loaders = []
    for service, method, parameters, answer in module.params["questions"]:
        session = boto3.session.Session("key", "secret", region_name="eu-central-1")
        loaders.append(session._loader)
        client = session.client(service)
        with Stubber(client) as stub, contextlib.suppress(ClientError):
            if isinstance(answer, str):
                stub.add_client_error(method, answer)
            else:
                stub.add_response(method, answer)
            getattr(client, method)(**parameters)
    module.exit_json(changed=False, loaders=len({id(loader) for loader in loaders}))


if __name__ == "__main__":
    main()
