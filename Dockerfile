# The module as the playbook engine runs it: "python ./main.py <command>" in /app, without privileges.
FROM python:3.11-slim

WORKDIR /app

# uv and black serve the SDK's code generators, which nothing here starts: a quarter of what would be installed.
COPY requirements.txt ./
RUN pip install --no-cache-dir --root-user-action=ignore --require-hashes --requirement requirements.txt \
    && pip uninstall --root-user-action=ignore --yes uv black

COPY main.py *.json logo.png ./
COPY actions actions/
COPY trigger_export trigger_export/
COPY sekoia_export sekoia_export/

# Compiled now: the user below cannot write here, and every action is a new process.
RUN python -m compileall -q .

# Actions write to the playbook's data storage, which the engine mounts there.
RUN useradd --uid 1000 --create-home module \
    && install --directory --owner module --group module /symphony_data

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 1000

ENTRYPOINT ["python", "./main.py"]
