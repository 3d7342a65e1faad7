"""Catalogue of claims: every module of this package that defines CLAIMS.

The paper's own claims and those of its critics, in the order of their numbers.
"""

from importlib import import_module
from pkgutil import iter_modules

from pipeline import claims
from pipeline.claims import sparse_products
from pipeline.claims.claim import Claim, by_number
from pipeline.claims.groups import Records
from pipeline.claims.untested import UNTESTED

IMPORTERS = {"catalogue", "records", "verdicts"}  # modules that import this one

CLAIMS: tuple[Claim, ...] = tuple(
    sorted(
        (
            claim
            for module in iter_modules(claims.__path__)
            if module.name not in IMPORTERS
            for claim in getattr(import_module(f"pipeline.claims.{module.name}"), "CLAIMS", ())
        ),
        key=lambda claim: by_number(claim.number),
    )
)
RECORDS: dict[str, Records] = {claim.records.name: claim.records for claim in CLAIMS}
# Numbers of the claims on tables that are the same for every dataset: times, and the neuron model.
MEASURED_ONCE = {
    claim.number
    for claim in CLAIMS
    if claim.records.name in (sparse_products.CPU, sparse_products.CUDA, "neuron")
}
# What the paper says in words, by the claim's key.
STATED: dict[str, str] = {claim.key: claim.stated for claim in CLAIMS if claim.stated}
STATED |= {claim.key: claim.stated for claim in UNTESTED if claim.stated}
