"""A client in Python, of what openapi-python-client generates. It makes a product, a plan, a customer and a license,
lists and activates, and reads an error. Usage: client.py URL TOKEN, with the generated package on the path."""

import datetime
import sys

from kaching_generated import AuthenticatedClient
from kaching_generated.api.operator import (
    get_admin_licenses,
    get_admin_products_id,
    post_admin_customers,
    post_admin_licenses,
    post_admin_plans,
    post_admin_products,
)
from kaching_generated.api.product import post_activate
from kaching_generated.models import (
    ActivateAnswer,
    ActivateRequest,
    Customer,
    CustomerCreate,
    FingerprintKindInput,
    License,
    LicenseCreate,
    LicenseList,
    Plan,
    PlanCreate,
    Problem,
    Product,
    ProductCreate,
)
from kaching_generated.types import Unset


def main(url: str, token: str) -> None:
    api = AuthenticatedClient(base_url=url, token=token)
    made = post_admin_products.sync(client=api, body=ProductCreate(code="generated", name="Generated"))
    assert isinstance(made, Product), made
    plan = post_admin_plans.sync(
        client=api, body=PlanCreate(product="generated", code="team", name="Team", rank=1, term="1y")
    )
    assert isinstance(plan, Plan) and plan.term == "1y" and plan.price is None, plan
    customer = post_admin_customers.sync(client=api, body=CustomerCreate(name="東京", reference="generated"))
    assert isinstance(customer, Customer), customer
    order = LicenseCreate(customer="generated", product="generated", plan="team")
    license = post_admin_licenses.sync(client=api, body=order, idempotency_key="generated-1")
    assert isinstance(license, License) and not isinstance(license.key, Unset), license
    assert isinstance(license.expires_at, datetime.datetime), license.expires_at
    listed = get_admin_licenses.sync(client=api, product="generated", sort="-created_at")
    assert isinstance(listed, LicenseList), listed
    assert [one.id for one in listed.items] == [license.id] and listed.next_ is None, listed

    product = AuthenticatedClient(base_url=url, token=license.key, prefix="License")
    request = ActivateRequest(
        product="generated",
        fingerprint="py-1",
        kind=FingerprintKindInput.DEVICE,
        nonce="0123456789abcdef",
    )
    activated = post_activate.sync(client=product, body=request)
    assert isinstance(activated, ActivateAnswer) and activated.activation.license_ == license.id, activated

    problem = get_admin_products_id.sync("nothing", client=api)
    assert isinstance(problem, Problem) and (problem.status, problem.code) == (404, "not_found"), problem
    print(f"Python: {license.id} is listed and active as {activated.activation.id}; an error is read: {problem.code}")


if __name__ == "__main__":
    main(*sys.argv[1:])
