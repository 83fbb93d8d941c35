"""The clients that people use, each with what is installed for it and the script that tries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Client:
    """One client. The first of `packages` is the one whose version the table shows."""

    name: str
    script: str
    packages: tuple[str, ...]
    kind: Literal["python", "node"] = "python"


CLIENTS = (
    Client("openai Python 1", "with_openai.py", ("openai==1.55.3",)),
    Client("openai Python 2", "with_openai.py", ("openai>=2,<3",)),
    Client("openai Python 3", "with_openai.py", ("openai>=3,<4",)),
    Client("openai Python 2, Responses", "with_openai_responses.py", ("openai>=2,<3",)),
    Client("openai Python 3, Responses", "with_openai_responses.py", ("openai>=3,<4",)),
    Client("openai node", "with_openai.mjs", ("openai@7",), "node"),
    Client("anthropic Python 0", "with_anthropic.py", ("anthropic==0.49.0",)),
    Client("anthropic Python 2", "with_anthropic.py", ("anthropic>=2,<3",)),
    Client("anthropic node", "with_anthropic.mjs", ("@anthropic-ai/sdk@1",), "node"),
    Client("ollama Python", "with_ollama.py", ("ollama>=0.6,<1",)),
    Client("llm", "with_llm.py", ("llm>=0.36,<1",)),
    Client("litellm", "with_litellm.py", ("litellm>=1.110,<2",)),
    Client("langchain-openai", "with_langchain.py", ("langchain-openai>=1.7,<2",)),
    Client("pydantic-ai", "with_pydantic_ai.py", ("pydantic-ai-slim[openai]>=2.68,<3",)),
    Client("openai-agents", "with_openai_agents.py", ("openai-agents>=0.24,<1",)),
)
CHECKS = ("chat", "stream", "tools", "structured", "error")
"""What every client is made to do."""
