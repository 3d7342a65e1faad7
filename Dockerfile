# The main job: the whole pipeline on digits, on the CPU, without download.
#   docker build --tag reproduction . && docker run --rm --volume "$PWD/report:/reproduction/report" reproduction
FROM python:3.11-slim
WORKDIR /reproduction
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml constraints.txt README.md LICENSE Makefile ./
# Packages first, so that a changed source file installs nothing again.
RUN python -m venv .venv && .venv/bin/python -m pip install --quiet uv \
    && .venv/bin/python -m uv pip install --quiet --python .venv --torch-backend cpu --constraint constraints.txt \
       --requirement pyproject.toml --group dev
COPY . .
RUN make setup && git config --global --add safe.directory /reproduction
CMD ["make", "repro"]
