// The place of a view that may have to be loaded first.

import { Component, type ReactNode, Suspense } from "react";

import { Failed, Loading } from "../components/basic";

interface State {
    readonly error?: unknown;
}

/**
 * Shows what is in it once its script is there. A script that is not there any more, because the service has another
 * version by now, comes with the page when it is loaded again.
 */
export class Loaded extends Component<{ readonly children: ReactNode }, State> {
    override state: State = {};

    static getDerivedStateFromError(error: unknown): State {
        return { error };
    }

    override render(): ReactNode {
        if (this.state.error !== undefined)
            return <Failed error={this.state.error} retry={() => window.location.reload()} />;
        return <Suspense fallback={<Loading />}>{this.props.children}</Suspense>;
    }
}
