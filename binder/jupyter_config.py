"""How JupyterLab opens the chapters, by ``make lab`` and in Binder: as they are, with nothing changed."""

from ipykernel.ipkernel import IPythonKernel
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager


class NotebooksAsTheyAre(AsyncLargeFileManager):
    """Says of each notebook that it was written by this Python.

    JupyterLab notes the Python's version in a notebook as soon as it opens, and calls that a change.
    """

    async def get(self, path, content=True, *given, **named):
        """Return a file or notebook, as Jupyter's contents API has it."""
        model = await super().get(path, content, *given, **named)
        if content and model["type"] == "notebook":
            model["content"]["metadata"]["language_info"] = IPythonKernel.language_info
        return model


c = get_config()  # noqa: F821 (Jupyter's own)
c.ServerApp.contents_manager_class = NotebooksAsTheyAre
