import { Component, type ComponentType, h } from "preact";

/** A component that is drawn anew only when its properties differ; what preact/compat would bring, without the rest of it. */
export function memo<Props extends object>(of: ComponentType<Props>, same: (before: Props, after: Props) => boolean): ComponentType<Props> {
  return class extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      return !same(this.props as Props, next);
    }
    override render(props: Props) {
      return h(of, props);
    }
  };
}
